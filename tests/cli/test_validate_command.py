"""`stepwell validate`: what it prints, and what it says to the shell."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from stepwell.cli.main import main
from stepwell.cli.validate import definition_in

FINE = (
    '{"Steps": [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}], "Parameters": [{"Name": "P"}]}'
)
WRONG = """{
  "Parameters": [{"Name": "Count"}],
  "Steps": [
    {"Name": "Stop", "Type": "Fail",
     "Arguments": {"ErrorMessage": {"Get": "Parameters.Cuont"}}}
  ]
}"""
SAID = """\
    at /Steps/0/Arguments/ErrorMessage/Get
    5 |      "Arguments": {"ErrorMessage": {"Get": "Parameters.Cuont"}}}
      |                                            ^^^^^^^^^^^^^^^^^^
"""


def test_a_definition_without_problems(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "fine.json"
    file.write_text(FINE)
    assert main(["validate", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: no problems in 1 step and 1 parameter.\n"


def test_a_problem_is_shown_where_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)  # long paths are cut
    file = Path("wrong.json")
    file.write_text(WRONG)
    assert main(["validate", str(file)]) == 1
    message = f"{file}:5:44: Unknown parameter 'Cuont'. Did you mean 'Count'?\n"
    assert capsys.readouterr().out == f"{message}{SAID}\n1 problem in {file}.\n"


def test_standard_input_and_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(WRONG))
    assert main(["validate", "--json", "-"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "valid": False,
        "steps": 1,
        "problems": [
            {
                "pointer": "/Steps/0/Arguments/ErrorMessage/Get",
                "message": "Unknown parameter 'Cuont'. Did you mean 'Count'?",
                "line": 5,
                "column": 44,
            }
        ],
    }


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"Steps": [}', "standard input:1:12: Malformed JSON: Expecting value at line 1, column 12 (character 11)."),
        ("", "standard input:1:1: Malformed JSON: Expecting value at line 1, column 1 (character 0)."),
        ('{"Steps": NaN}', "standard input:1:1: Malformed JSON: NaN is not a JSON value."),
        ("[" * 100_000, "standard input:1:1: Malformed JSON: nested deeper than 200 levels."),
        ("[]", "standard input:1:1: Expecting start of Json Object."),
    ],
)
def test_what_is_no_definition(
    text: str, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert main(["validate", "-"]) == 1
    assert capsys.readouterr().out.startswith(f"{line}\n")


def test_a_long_line_is_shown_in_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "line.json"
    document = json.loads(WRONG)
    document["Metadata"] = {"a": "x" * 500}
    file.write_text(json.dumps({"Metadata": document.pop("Metadata"), **document, "Version": "2020-12-01"}))
    assert main(["validate", str(file)]) == 1
    _message, _pointer, source, mark, *_rest = capsys.readouterr().out.split("\n")
    assert len(source) < 120
    assert source[mark.index("^") : mark.rindex("^") + 1] == '"Parameters.Cuont"'


def test_a_file_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(tmp_path / "none.json")]) == 2
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    assert main(["validate", str(binary)]) == 2
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.count("cannot be read") == 2


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"PipelineName": "p", "PipelineDefinition": FINE, "RoleArn": "r"}),
        json.dumps({"PipelineDefinition": {"PipelineDefinitionBody": FINE}}),
        json.dumps(FINE),
        FINE,
    ],
)
def test_a_definition_is_found_in_what_holds_it(text: str) -> None:
    assert definition_in(text) == FINE


def test_the_name_says_when_the_definition_stood_inside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "request.json"
    file.write_text(json.dumps({"PipelineDefinition": WRONG}))
    assert main(["validate", str(file)]) == 1
    assert capsys.readouterr().out.startswith(f"the definition in {file}:5:44: Unknown parameter")
