"""`stepwell diff` and `stepwell spin` about a pipeline that really runs, asked as a user would."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from diffed_pipeline import ROWS, TRAIN, Pipeline

from served import ROLE, Server
from stepwell.cli.main import main

pytestmark = pytest.mark.contract

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def stepwell(server: Server, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command on the server's data: its exit code, what it says, what it complains about."""

    def command(name: str, *words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([name, "--data", str(server.data), *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def diff(stepwell: Command, *words: str) -> tuple[int, dict[str, Any]]:
    code, said, complaint = stepwell("diff", "--json", *words)
    assert code < 2, complaint
    return code, json.loads(said)


def spin(stepwell: Command, *words: str) -> dict[str, Any]:
    code, said, complaint = stepwell("spin", "--json", *words)
    assert code == 0, complaint + said
    return dict(json.loads(said))


def told(rows: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [("+".join(row["steps"]), row["aspect"], row["name"]) for row in rows]


FOLLOWED = [
    ("Prepare", "output", "train/all.csv"),
    ("Train", "hyperparameter", "/HyperParameters/depth"),
    ("Train", "variable", "/Environment/DEPTH"),
    ("Train", "input", "train/all.csv"),
    ("Train", "metric", "auc"),
    ("Train", "output", "model/model.tar.gz"),
    ("Evaluate", "input", "model/model.tar.gz"),
    ("Evaluate", "output", "report/evaluation.json"),
]
"""What follows from another parameter and another byte of the data."""


def test_one_parameter_and_one_byte(server: Server, stepwell: Command) -> None:
    pipeline = Pipeline(server, "diffed")
    first, second = pipeline.run(), pipeline.run()
    code, found = diff(stepwell, first, second)
    assert (code, found["same"], found["changed"], found["followed"]) == (0, True, [], [])

    pipeline.put("data/rows.csv", ROWS.replace("17,2,1\n", "17,3,1\n"))
    third = pipeline.run(Depth=5)
    code, found = diff(stepwell, second, third)
    assert code == 1
    parameter, data = found["changed"]
    assert (parameter["aspect"], parameter["name"], parameter["before"], parameter["after"]) == (
        "parameter",
        "Depth",
        3,
        5,
    )
    assert (data["steps"], data["aspect"], data["name"]) == (["Prepare"], "input", "data/rows.csv")
    assert data["details"] == ["line 18", "- 17,2,1", "+ 17,3,1"]
    assert told(found["followed"]) == FOLLOWED
    (metric,) = [row for row in found["followed"] if row["aspect"] == "metric"]
    assert metric["delta"] == pytest.approx(0.02)
    assert found["followed"][-1]["details"] == ["/metrics/auc  0.53 -> 0.55 (+0.02)"]

    assert diff(stepwell, first.partition("/execution/")[0])[1] == found, "its ARN is as good as its name"
    code, shown, _ = stepwell("diff", "diffed")
    assert code == 1, "a pipeline alone is its last two executions"
    assert "  parameter Depth  3 -> 5 (+2)" in shown
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) <= 80

    code, packages = diff(stepwell, "diffed/2", "diffed/3")
    assert (code, packages["changed"]) == (1, found["changed"]), "packages go back to their executions"

    pipeline.put("code/train.py", TRAIN.replace("0.5 +", "0.6 +"))
    code, found = diff(stepwell, third, pipeline.run(Depth=5))
    assert told(found["changed"]) == [("Train", "code", "code/train.py")]
    assert '-auc = 0.5 + int(os.environ["DEPTH"]) / 100' in found["changed"][0]["details"]

    for words, said in (
        (("diffed", "nothing"), "There is no execution"),
        (("diffed/2", "diffed/99"), "There is no execution"),
        (("diffed/2",), "'diffed/2' is one thing. Name another to compare it with."),
        ((first,), "is one thing. Name another"),
        (("differed",), "Did you mean 'diffed'?"),
    ):
        code, shown, complaint = stepwell("diff", *words)
        assert (code, shown) == (2, "")
        assert said in complaint


def test_one_step_alone(server: Server, stepwell: Command) -> None:
    pipeline = Pipeline(server, "spun")
    first = pipeline.run()
    before = objects(pipeline)

    taken = spin(stepwell, "spun", "Train", "--from", first, "--set", "Parameters.Depth=9")
    assert (taken["status"], taken["metrics"]) == ("Succeeded", {"auc": 0.59})
    assert taken["derived_from"] == first
    tags = pipeline.sagemaker.list_tags(ResourceArn=taken["arn"])["Tags"]
    assert {each["Key"]: each["Value"] for each in tags} == {
        "stepwell:derived-from": first,
        "stepwell:spin": taken["spin"],
    }
    model = taken["outputs"]["model"]
    assert model.startswith(f"s3://spun/stepwell-spins/{taken['spin']}/")
    after = objects(pipeline)
    assert {key: after[key] for key in before} == before, "nothing was overwritten"
    assert all(key.startswith("stepwell-spins/") for key in after.keys() - before.keys())

    place = "Steps.Prepare.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri"
    run = first.rpartition("/")[2]
    given = spin(stepwell, "spun", "Train", "--set", f"{place}=s3://spun/runs/{run}/train")
    assert given["metrics"] == {"auc": 0.53}
    assert given["derived_from"].endswith("pipeline/spun")
    assert diff(stepwell, first, first)[0] == 0
    _code, jobs = diff(stepwell, taken["arn"], given["arn"])
    assert [row["name"] for row in jobs["changed"]] == ["/HyperParameters/depth", "/Environment/DEPTH"]

    evaluated = spin(stepwell, "spun", "Evaluate", "--set", f"Steps.Train.ModelArtifacts.S3ModelArtifacts={model}")
    report = evaluated["outputs"]["report"]
    chosen = f"Steps.Evaluate.ProcessingOutputConfig.Outputs['report'].S3Output.S3Uri={report}"
    decided = spin(stepwell, "spun", "GoodEnough", "--set", chosen)
    assert (decided["status"], decided["outputs"]) == ("True", {"goes on with": "Register"})
    assert len(pipeline.sagemaker.list_pipeline_executions(PipelineName="spun")["PipelineExecutionSummaries"]) == 1


def test_packages_without_an_execution(server: Server, stepwell: Command) -> None:
    pipeline = Pipeline(server, "unpiped")
    place = "Steps.Prepare.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri=s3://unpiped/data"
    pipeline.put("data/all.csv", ROWS)
    pipeline.sagemaker.create_model_package_group(ModelPackageGroupName="unpiped")
    for depth in (3, 4):
        spun = spin(stepwell, "unpiped", "Train", "--set", place, "--set", f"Parameters.Depth={depth}")
        containers = [{"Image": "python:3.11", "ModelDataUrl": spun["outputs"]["model"]}]
        serving = {"SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]}
        pipeline.sagemaker.create_model_package(
            ModelPackageGroupName="unpiped", InferenceSpecification={"Containers": containers, **serving}
        )
    code, found = diff(stepwell, "unpiped/1", "unpiped/2")
    assert code == 1
    assert told(found["changed"]) == [
        ("job", "hyperparameter", "/HyperParameters/depth"),
        ("job", "variable", "/Environment/DEPTH"),
    ]
    assert told(found["followed"]) == [("job", "metric", "auc"), ("job", "output", "model/model.tar.gz")]


def test_functions_and_a_server_of_its_own(
    own_server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("f.py", "def handler(event, context):\n    return {'doubled': event['n'] * 2}\n")
    function = own_server.client("lambda").create_function(
        FunctionName="double",
        Runtime="python3.11",
        Role=ROLE,
        Handler="f.handler",
        Code={"ZipFile": archive.getvalue()},
    )["FunctionArn"]
    outputs = [{"OutputName": "doubled", "OutputType": "Integer"}]
    step = {"Name": "Fn", "Type": "Lambda", "FunctionArn": function, "OutputParameters": outputs}
    text = json.dumps({"Version": "2020-12-01", "Steps": [{**step, "Arguments": {"n": 21}}]})
    sagemaker = own_server.client("sagemaker")
    sagemaker.create_pipeline(PipelineName="doubling", PipelineDefinition=text, RoleArn=ROLE)
    assert own_server.stop() == 0
    monkeypatch.setenv("STEPWELL_ENVIRONMENTS", str(Path("~/.cache/stepwell-tests/environments").expanduser()))
    assert main(["spin", "--data", str(own_server.data), "doubling", "Fn"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ["Fn Succeeded", "  doubled  42"]


def objects(pipeline: Pipeline) -> dict[str, str]:
    listed = pipeline.s3.list_objects_v2(Bucket=pipeline.name)["Contents"]
    return {each["Key"]: each["ETag"] for each in listed}


def test_what_cannot_be_spun(server: Server, stepwell: Command) -> None:
    Pipeline(server, "unspun")
    wrong = ("--set", "Steps.Prepar.X=1", "--set", "Parameters.Depth=deep", "--set", "Parameters.Dept=1")
    for words, said in (
        (("unspun", "Train"), ["Outputs.train.S3Output.S3Uri= (string)", "--from EXECUTION"]),
        (("unspun", "Train", *wrong), ["Did you mean 'Prepare'?", "not of type Integer", "Did you mean 'Depth'?"]),
        (("unspun", "Trian"), ["Did you mean 'Train'?"]),
        (("unspun", "Train", "--from", "unspun"), ["There is no execution"]),
        (
            ("unspun", "Register", "--set", "Steps.Train.ModelArtifacts.S3ModelArtifacts=s3://b/m"),
            ["is a RegisterModel step", "--yes"],
        ),
    ):
        code, shown, complaint = stepwell("spin", *words)
        assert (code, shown) == (2, "")
        assert [each for each in said if each not in complaint] == []
