"""`stepwell blame`, `recall` and `lineage`: what they print, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepwell.cli import blame_lines, recall
from stepwell.cli.main import main
from stepwell.services.sagemaker.descendants import Affected, AffectedJob, Data, Recall
from stepwell.services.sagemaker.origins import Approval, Code, JobOrigin, Maker, Origin, PackageOrigin, Source
from stepwell.store import tables  # noqa: F401 - every table is declared before the database is made
from stepwell.store.database import Database

HOME = "arn:aws:sagemaker:eu-west-1:123456789012"
HASH = "0123456789abcdef" * 4
TESTER = "arn:aws:sts::123456789012:assumed-role/SageMakerRole/tester"


def source(channel: str, key: str, now: str = "same", maker: Maker | None = None) -> Source:
    return Source(channel, f"s3://b/{key}", 1500, HASH, now, 60.0, True, maker)


def a_job(**changes: object) -> JobOrigin:
    values: dict[str, object] = {
        "arn": f"{HOME}:training-job/train",
        "status": "Completed",
        "created": 0.0,
        "ended": 75.0,
        "reason": "",
        "step": "Train",
        "execution": f"{HOME}:pipeline/churn/execution/abc",
        "started_by": TESTER,
        "role": "arn:aws:iam::123456789012:role/SageMakerRole",
        "image": "python:3.11",
        "environment": "",
        "instances": "1 x ml.m5.large",
        "code": Code("s3://b/code.tar.gz", HASH, "train.py"),
        "parameters": {"Depth": 3},
        "hyperparameters": {"depth": "3", "sagemaker_program": "train.py"},
        "variables": {"LONG": "x" * 100},
        "read": (source("train", "data", "changed", Maker(f"{HOME}:processing-job/prepare", "Prepare", 0.0)),),
        "wrote": (source("model", "model"),),
        "is_noted": True,
    }
    return JobOrigin(**{**values, **changes})  # type: ignore[arg-type]


def test_a_job_in_full() -> None:
    assert list(blame_lines.lines(Origin(jobs=(a_job(),)))) == [
        "training job train  Completed, 1:15",
        "  when            1970-01-01 00:00:00Z",
        "  step            Train of execution churn/abc, started by SageMakerRole/tester",
        "  parameters      Depth = 3",
        "  image           python:3.11",
        "  environment     what the image brings",
        "  code            s3://b/code.tar.gz  0123456789ab",
        "  entry           train.py",
        "  instances       1 x ml.m5.large",
        "  role            role/SageMakerRole",
        "  hyperparameters depth = 3",
        f"  variables       LONG = {'x' * 57}...",
        "  read",
        "    train         s3://b/data",
        "                  1.5 kB  0123456789ab  CHANGED SINCE: other bytes since 1970-01-01 00:01:00Z; "
        "these bytes are kept",
        "                  made by processing-job/prepare (step Prepare)",
        "  wrote",
        "    model         s3://b/model",
        "                  1.5 kB  0123456789ab  unchanged",
    ]


def test_a_package_and_who_approved_it() -> None:
    approvals = (Approval("PendingManualApproval", "", 0.0), Approval("Approved", TESTER, 60.0, "good\x1b[31m"))
    models = (source("model", "model", "gone"),)
    package = PackageOrigin(
        f"{HOME}:model-package/g/1", "Approved", 0.0, TESTER, {"CommitId": "abc"}, approvals, models, ()
    )
    lines = list(blame_lines.lines(Origin(package, jobs=(a_job(is_noted=False),))))
    assert lines[:7] == [
        "model package g/1  Approved",
        "  registered      1970-01-01 00:00:00Z by SageMakerRole/tester",
        "  approval        PendingManualApproval 1970-01-01 00:00:00Z",
        "  approval        Approved 1970-01-01 00:01:00Z by SageMakerRole/tester: good?[31m",
        "  commit id       abc",
        "  model           s3://b/model",
        "                  1.5 kB  0123456789ab  DELETED SINCE; these bytes are kept",
    ]
    assert lines[8] == "made by training job train  Completed, 1:15"
    assert "not known: the job never had its data" in lines[-1]


def test_many_objects_are_counted_and_what_changed_comes_first() -> None:
    many = tuple(source("train", f"{number}", "same" if number else "changed") for number in range(10))[::-1]
    lines = list(blame_lines.lines(Origin(jobs=(a_job(read=many),))))
    begin = lines.index("  read")
    assert lines[begin + 1] == "    train         s3://b/0"
    assert "    ... 10 objects in all, 15.0 kB: --json names every one" in lines


def test_what_must_be_acted_on_comes_first() -> None:
    packages = (
        Affected(f"{HOME}:model-package/g/2", "Approved", 0.0, "model", f"{HOME}:training-job/train"),
        Affected(f"{HOME}:model-package/g/1", "Rejected", 0.0, "evidence", f"{HOME}:processing-job/judge"),
    )
    jobs = (AffectedJob(f"{HOME}:training-job/train", 0.0, "s3://b/data", HASH, f"{HOME}:processing-job/prepare"),)
    models = (Affected(f"{HOME}:model/m", "", 0.0, "model", ""),)
    assert list(recall.lines(Recall((Data("s3://b/raw", HASH, 4),), packages, models, jobs, (1, 0)))) == [
        "1 object, 4 B",
        "  0123456789ab        4 B  s3://b/raw",
        "  Not asked about: 1 other content of this place, which no job read.",
        "  See --ever, --as-of TIME, or recall a hash.",
        "",
        "APPROVED MODEL PACKAGES: act on these (1)",
        "  g/2  Approved  since 1970-01-01 00:00:00Z",
        "    its model comes from training-job/train",
        "",
        "Other model packages (1)",
        "  g/1  Rejected  since 1970-01-01 00:00:00Z",
        "    was judged by what processing-job/judge wrote",
        "",
        "Models (1)",
        "  m  since 1970-01-01 00:00:00Z",
        "    holds these very bytes",
        "",
        "Jobs (1)",
        "  1970-01-01 00:00:00Z  training-job/train",
        "    read 0123456789ab at s3://b/data",
        "    which processing-job/prepare wrote",
    ]


def test_of_much_data_the_first() -> None:
    data = tuple(Data(f"s3://b/{number}", HASH, 1) for number in range(recall.FIRST + 2))
    assert list(recall.lines(Recall(data, (), (), ())))[-3:] == ["  ... and 2 more", "", "Nothing descends from it."]


@pytest.mark.parametrize("command", ["blame", "recall", "lineage"])
def test_no_data(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert main([command, "--data", str(tmp_path / "typo"), "x"]) == 1
    assert "there is no data in" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["blame", "recall", "lineage"])
def test_nothing_of_that_name(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    Database(tmp_path / "stepwell.db").close()
    for text in ("typo", "s3://typo/key", "arn:aws:sagemaker:eu-west-1:123456789012:training-job/x"):
        assert main([command, "--data", str(tmp_path), text]) == 1
        captured = capsys.readouterr()
        assert (captured.out, captured.err.startswith("stepwell: ")) == ("", True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["recall", "x", "--as-of", "yesterday"], "'yesterday' is no time"),
        (["recall", "x", "--as-of", "2026-01-01", "--ever"], "not allowed with"),
        (["lineage", "x", "--depth", "0"], "'0' is no depth"),
        (["lineage", "x", "--up", "--down"], "not allowed with"),
        (["lineage", "x", "--format", "svg"], "invalid choice"),
        (["blame"], "required"),
    ],
)
def test_bad_use(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
