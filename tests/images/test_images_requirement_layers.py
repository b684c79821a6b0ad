"""The packages of a requirements.txt are installed once, as wheels, and found by every job that brings the file."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest
from images_support import Container, wheel

from stepwell.images import layers, requirement_layers
from stepwell.images.environments import Environment


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """pip finds packages here and nowhere else."""
    folder = tmp_path / "wheels"
    wheel(folder, "extra", "1.5", requires="tiny")
    wheel(folder, "tiny", "2.0")
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL", "PIP_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return folder


def prepared(folder: Path, environment: Environment, text: str) -> tuple[Environment, list[str]]:
    lines: list[str] = []
    return requirement_layers.prepare(folder, environment, text.encode(), lines.append), lines


def printed(python: Path, code: str) -> str:
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout


def job_python(environment: Environment, folder: Path) -> Path:
    """The Python of one job, above `environment`."""
    requirement_layers._plant(layers.tree(environment, str(folder)), folder)
    return folder / "bin" / "python"


def test_packages_stand_above_the_environments_own(tmp_path: Path, tiny: Environment, wheels: Path) -> None:
    layered, lines = prepared(tmp_path / "layers", tiny, "extra==1.5\n")
    assert lines[0].startswith("Installing the packages of requirements.txt into a layer")
    python = job_python(layered, tmp_path / "job")
    assert printed(python, "import extra, tiny; print(extra.version, tiny.version)") == "1.5 1.0\n"
    assert printed(tiny.python, "import importlib.util as u; print(u.find_spec('extra'))") == "None\n"
    assert (tmp_path / "job" / "bin" / "extra-tool").read_text().startswith(f"#!{python}\n")


def test_the_same_file_is_installed_once(tmp_path: Path, tiny: Environment, wheels: Path) -> None:
    first, _ = prepared(tmp_path / "layers", tiny, "extra\n")
    for each in wheels.iterdir():
        each.unlink()
    second, lines = prepared(tmp_path / "layers", tiny, "extra\n")
    assert (second, lines) == (first, ["The packages of requirements.txt are there from an earlier job."])


def test_a_newer_version_hides_the_environments(tmp_path: Path, tiny: Environment, wheels: Path) -> None:
    layered, _ = prepared(tmp_path / "layers", tiny, "tiny>=2\n")
    assert printed(job_python(layered, tmp_path / "job"), "import tiny; print(tiny.version)") == "2.0\n"


def test_what_cannot_be_found_is_left_to_the_job(tmp_path: Path, tiny: Environment, wheels: Path) -> None:
    layered, lines = prepared(tmp_path / "layers", tiny, "no-such-package==9\n")
    assert layered is tiny
    assert lines[-1].endswith("could not be prepared as wheels; the job installs them itself.")
    assert not [each for each in (tmp_path / "layers").iterdir() if not each.name.startswith(".")]


def test_a_half_built_layer_is_made_anew(tmp_path: Path, tiny: Environment, wheels: Path) -> None:
    layered, _ = prepared(tmp_path / "layers", tiny, "extra\n")
    (layered.prefix / ".stepwell.json").unlink()
    again, lines = prepared(tmp_path / "layers", tiny, "extra\n")
    assert again == layered
    assert lines[0].startswith("Installing")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("pandas\n", True),
        ("pandas==2.0  # why\n\n# more\nscikit-learn>=1,<2", True),
        ("boto3[crt] ~= 1.3 ; python_version < '3.12'", True),
        ("torch==2.13.0+cpu\n", True),
        ("x !=1.*, >2\n", True),
        ("-e .", False),
        ("--index-url https://example.com", False),
        ("./local.whl", False),
        ("pkg @ https://example.com/pkg.whl", False),
        ("git+https://example.com/x", False),
        ("-r other.txt", False),
        ("pandas \\\n  ==2", False),
        ("pandas==$VERSION", False),
    ],
)
def test_only_packages_by_name_are_installed_outside_a_job(text: str, plain: bool) -> None:
    assert requirement_layers.is_plain(text.encode()) == plain


def test_a_file_that_is_not_plain_changes_nothing(tmp_path: Path, tiny: Environment) -> None:
    assert prepared(tmp_path / "layers", tiny, "-e .\n") == (tiny, [])
    assert not requirement_layers.is_plain(b"\xff\xfe")


def archive(path: Path, **files: str) -> Path:
    with tarfile.open(path, "w:gz") as content:
        for name, text in files.items():
            member = tarfile.TarInfo(name.replace("__", "."))
            member.size = len(text)
            content.addfile(member, io.BytesIO(text.encode()))
    return path


def test_requirements_are_looked_up_in_the_code(tmp_path: Path) -> None:
    code = archive(tmp_path / "a.tar.gz", train__py="", requirements__txt="extra\n")
    assert requirement_layers.requirements_of(code) == b"extra\n"
    package = archive(tmp_path / "b.tar.gz", setup__py="", requirements__txt="extra\n")
    assert requirement_layers.requirements_of(package) is None
    large = archive(tmp_path / "c.tar.gz", requirements__txt="#" * 100_000)
    assert requirement_layers.requirements_of(large) is None
    (tmp_path / "d.tar.gz").write_bytes(b"no archive")
    assert requirement_layers.requirements_of(tmp_path / "d.tar.gz") is None


def test_the_code_of_a_python_program_in_s3_counts() -> None:
    place = "s3://bucket/sourcedir.tar.gz"
    asked = {"sagemaker_program": '"train.py"', "sagemaker_submit_directory": json.dumps(place)}
    assert requirement_layers.source_of(asked) == place
    assert requirement_layers.source_of({**asked, "sagemaker_program": "go.sh"}) is None
    assert requirement_layers.source_of({**asked, "sagemaker_submit_directory": "/opt/ml/code"}) is None
    assert requirement_layers.source_of({}) is None


def test_script_mode_does_not_install_what_a_layer_has(
    tmp_path: Path, container: Container, tiny: Environment, wheels: Path
) -> None:
    layered, _ = prepared(tmp_path / "layers", tiny, "extra\n")
    container.file("code/train.py", "import extra; print('EXTRA', extra.version)\n")
    container.file("code/requirements.txt", "extra\n")
    container.hyperparameters = {"sagemaker_program": "train.py"}
    ran = container.run(job_python(layered, tmp_path / "job"), "script-mode", "train")
    assert ran.output == "EXTRA 1.5\n", ran.errors
    assert "They are in a layer that jobs with this requirements.txt share." in ran.errors
    container.file("code/requirements.txt", "extra>=1\n")
    other = container.run(
        job_python(layered, tmp_path / "job2"), "script-mode", "train", variables={"PIP_NO_INDEX": "1"}
    )
    assert "Requirement already satisfied: extra" in other.output
