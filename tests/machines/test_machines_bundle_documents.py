"""The document of a bundle: what is written is read again, and nothing else is believed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from stepwell.machines.bundle_documents import Bundle, Malformed, Package, read, written
from stepwell.machines.bundle_secrets import WITHHELD, is_secret, without_secrets
from stepwell.machines.reproduction import Held, NotedJob, Target

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/train"
DATA, CODE, MODEL = ("a" * 64, "b" * 64, "c" * 64)
JOB = NotedJob(
    ARN,
    "training-job",
    "train",
    "Completed",
    1.0,
    2.0,
    {"HyperParameters": {"depth": "3", "api_key": "hush"}, "RoleArn": "role"},
    {"HyperParameters": {"depth": "3", "api_key": "hush"}, "TrainingEndTime": 2.0},
    "scikit-learn-1.2.1-fedabd01a3e0",
    (Held("train", "data", "rows.csv", 5, DATA), Held("code", "data", "code.tar.gz", 6, CODE)),
    (Held("model", "models", "train/model.tar.gz", 7, MODEL),),
    {"team": "one"},
)
BUNDLE = Bundle(
    "123456789012",
    "eu-west-1",
    Target("churn/1", "model package", ("s3://models/train/model.tar.gz",), (ARN,), ("a note",)),
    (JOB,),
    {DATA: 5, CODE: 6, MODEL: 7},
    {"scikit-learn-1.2.1-fedabd01a3e0": "3.11"},
    ("HyperParameters.old of train",),
    Package("churn/1", "Completed", 3.0, {"InferenceSpecification": {}}, {"LastVersion": 1}),
    {
        "execution": "arn",
        "definition": '{"Steps": [{"key": "hush"}]}',
        "parameters": {"Password": "word", "Depth": 3},
    },
    "stepwell 1",
)


def test_what_is_written_is_read_again() -> None:
    assert read(json.loads(json.dumps(written(BUNDLE)))) == BUNDLE
    alone = replace(BUNDLE, package=None, pipeline=None)
    assert read(json.loads(json.dumps(written(alone)))) == alone


def test_outputs_may_be_gone_and_inputs_may_not() -> None:
    assert read(written(replace(BUNDLE, blobs={DATA: 5, CODE: 6}))).blobs == {DATA: 5, CODE: 6}
    with pytest.raises(Malformed, match=r"jobs\[0\].inputs: the bytes of s3://data/rows.csv are not in the bundle"):
        read(written(replace(BUNDLE, blobs={CODE: 6, MODEL: 7})))


def test_an_input_that_a_job_of_the_bundle_makes_may_be_gone() -> None:
    maker = replace(JOB, arn=ARN.replace("/train", "/maker"), name="maker", inputs=(), outputs=(JOB.inputs[0],))
    found = read(written(replace(BUNDLE, jobs=(maker, JOB), blobs={CODE: 6, MODEL: 7})))
    assert [job.name for job in found.plan(whole=True).jobs] == ["maker", "train"]
    assert [each.blob for _, each in found.plan(whole=True).needed()] == [CODE]


def put(*path: str | int) -> Callable[[Any, Any], None]:
    def change(tree: Any, value: Any) -> None:
        for step in path[:-1]:
            tree = tree[step]
        tree[path[-1]] = value

    return change


BAD = [
    (put("format"), 2, "its format is 2, and this version reads format 1"),
    (put("format"), "1", "its format is '1'"),
    (put("account"), "12", "account: '12' is not one"),
    (put("region"), "../eu", "region: '../eu' is not one"),
    (put("jobs"), {}, "jobs: a list is expected"),
    (put("jobs"), [], "target.jobs: not all of them are among the jobs"),
    (put("jobs", 0), 7, "jobs[0]: an object is expected"),
    (
        put("jobs", 0, "arn"),
        "arn:aws:sagemaker:eu-west-1:123456789012:training-job/../../x",
        "is not the ARN of a job",
    ),
    (put("jobs", 0, "arn"), "arn:aws:sagemaker:eu-west-1:999999999999:training-job/x", "is not the ARN of a job"),
    (put("jobs", 0, "arn"), "arn:aws:iam:eu-west-1:123456789012:training-job/x", "is not the ARN of a job"),
    (put("jobs", 0, "arn"), "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/x", "is not the ARN of a job"),
    (put("jobs", 0, "created"), float("nan"), "created: a moment in seconds is expected"),
    (put("jobs", 0, "ended"), True, "ended: a moment in seconds is expected"),
    (put("jobs", 0, "ended"), 1e300, "ended: a moment in seconds is expected"),
    (put("jobs", 0, "environment"), "../../etc", "is not the name of an environment"),
    (put("jobs", 0, "status"), "InProgress", "is not how a job ends"),
    (put("jobs", 0, "request"), "text", "request: an object is expected"),
    (put("jobs", 0, "tags"), {"a": 1}, "tags: a text is expected"),
    (put("jobs", 0, "inputs", 0), ["train"], "inputs[0]: five values are expected"),
    (put("jobs", 0, "inputs", 0, 1), "..", "'..' is not the name of a bucket"),
    (put("jobs", 0, "inputs", 0, 2), "", "is not the key of an object"),
    (put("jobs", 0, "inputs", 0, 2), "k" * 1025, "is not the key of an object"),
    (put("jobs", 0, "inputs", 0, 2), "\ud800", "not a text"),
    (put("jobs", 0, "inputs", 0, 3), -1, "a size is expected"),
    (put("jobs", 0, "inputs", 0, 3), 6, "are not in the bundle"),
    (put("jobs", 0, "inputs", 0, 4), "../../../etc/passwd", "is not a SHA-256"),
    (put("jobs", 0, "outputs", 0, 4), "A" * 64, "is not a SHA-256"),
    (put("blobs", "../x"), 1, "is not a SHA-256"),
    (put("blobs", DATA), "5", "a size is expected"),
    (put("target", "jobs"), ["another"], "target.jobs"),
    (put("target", "asked"), None, "target.asked: a text is expected"),
    (put("environments", "a/b"), "3.11", "is not the name of an environment"),
    (put("package", "name"), "churn/01", "is not the name of a model package"),
    (put("package", "name"), "../1", "is not the name of a model package"),
    (put("package", "group"), None, "package.group"),
    (put("pipeline"), [], "pipeline: an object is expected"),
    (put("withheld"), [1], "withheld: a text is expected"),
]


@pytest.mark.parametrize(("change", "value", "said"), BAD)
def test_what_is_not_a_bundle(change: Callable[[Any, Any], None], value: Any, said: str) -> None:
    document = copy.deepcopy(written(BUNDLE))
    change(document, value)
    with pytest.raises(Malformed) as refused:
        read(document)
    assert said in str(refused.value)


@pytest.mark.parametrize("document", [None, [], "text", 1, {}])
def test_what_is_not_even_a_document(document: object) -> None:
    with pytest.raises(Malformed):
        read(document)


def test_a_job_is_there_once() -> None:
    with pytest.raises(Malformed, match="one of them is there twice"):
        read(written(replace(BUNDLE, jobs=(JOB, JOB))))


def test_secrets_are_withheld_wherever_they_stand() -> None:
    public = without_secrets(BUNDLE)
    text = json.dumps(written(public))
    assert "hush" not in text
    assert '"word"' not in text
    assert public.withheld == ("HyperParameters.api_key of train", "parameter Password of the pipeline")
    assert public.jobs[0].request["HyperParameters"] == {"depth": "3"}
    assert public.pipeline is not None
    assert public.pipeline["parameters"] == {"Depth": 3}
    assert json.loads(public.pipeline["definition"]) == {"Steps": [{"key": WITHHELD}]}


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("API_TOKEN", True),
        ("apiKey", True),
        ("AWS_SECRET_ACCESS_KEY", True),
        ("dbPassword", True),
        ("HF_TOKEN", True),
        ("private-key", True),
        ("max_tokens", False),
        ("tokenizer_name", False),
        ("key", False),
        ("sagemaker_program", False),
        ("secretary", False),
    ],
)
def test_what_looks_like_a_secret(name: str, secret: bool) -> None:
    assert is_secret(name) is secret
