"""What a training job that the SDK made of a function says about the packages it needs."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from stepwell.base.documents import Document
from stepwell.images import function_jobs
from stepwell.images.function_jobs import FunctionJob

STEP, REMOTE = function_jobs.STEP_CHANNEL, function_jobs.REMOTE_CHANNEL
SDK = "sagemaker>=2.256.0,<3.0.0"


def job(*arguments: str, dependencies: str | None = "needs.txt", **channels: str) -> Document:
    """A request as the SDK makes it."""
    settings = json.dumps({"dependency_file": dependencies})
    given = ["--client_python_version", "3.11", "--client_sagemaker_pysdk_version", "2.257.7"]
    return {
        "AlgorithmSpecification": {
            "ContainerEntrypoint": list(function_jobs.ENTRYPOINT),
            "ContainerArguments": [*given, "--dependency_settings", settings, *arguments],
        },
        "InputDataConfig": [
            {"ChannelName": name, "DataSource": {"S3DataSource": {"S3Uri": uri, "S3DataType": "S3Prefix"}}}
            for name, uri in channels.items()
        ],
    }


@pytest.mark.parametrize(
    ("document", "uri", "member"),
    [
        (job(**{STEP: "s3://b/p/pre"}), "s3://b/p/pre/needs.txt", ""),
        (job(**{STEP: "s3://b/p/pre/"}), "s3://b/p/pre/needs.txt", ""),
        (
            job(**{REMOTE: "s3://b/f/sm_rf_user_ws/workspace.zip"}),
            "s3://b/f/sm_rf_user_ws/workspace.zip",
            "sagemaker_remote_function_workspace/needs.txt",
        ),
        (
            job(**{REMOTE: "s3://b/f/sm_rf_user_ws"}),
            "s3://b/f/sm_rf_user_ws/workspace.zip",
            "sagemaker_remote_function_workspace/needs.txt",
        ),
        (job(dependencies=None, **{REMOTE: "s3://b/f/ws.zip"}), "", ""),
        (job(dependencies="../needs.txt", **{STEP: "s3://b/p"}), "", ""),
        (job(), "", ""),
    ],
)
def test_where_the_dependencies_are_written_down(document: Document, uri: str, member: str) -> None:
    assert function_jobs.read(document) == FunctionJob("3.11", "2.257.7", uri, member)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"AlgorithmSpecification": {"ContainerEntrypoint": ["python3", "train.py"]}},
        job("--job_conda_env", "other"),
        job(dependencies="environment.yml", **{STEP: "s3://b/p"}),
    ],
)
def test_other_jobs_and_conda_are_none_of_ours(document: Document) -> None:
    assert function_jobs.read(document) is None


@pytest.mark.parametrize("settings", ["", "{", "[]", '{"dependency_file": 5}'])
def test_broken_settings_name_no_file(settings: str) -> None:
    found = function_jobs.read(job("--dependency_settings", settings, **{STEP: "s3://b/p"}))
    assert found == FunctionJob("3.11", "2.257.7")


@pytest.mark.parametrize("version", ["2.257.7; rm", "-r /etc/passwd", "latest", ""])
def test_a_version_is_a_version_or_nothing(version: str) -> None:
    found = function_jobs.read(job("--client_sagemaker_pysdk_version", version))
    assert found is not None
    assert found.sdk == ""


@pytest.mark.parametrize(
    ("client", "given", "stages"),
    [
        ("2.257.7", f"{SDK}\n", [f"{SDK}\n"]),
        ("2.257.7", f"tabulate\n\n{SDK}\n", [f"{SDK}\n", f"tabulate\n\n{SDK}\n"]),
        ("2.257.7", "SageMaker==2.257.0\r\n", ["SageMaker==2.257.0\n", "SageMaker==2.257.0\r\n"]),
        ("2.257.7", "sagemaker-core\n", ["sagemaker-core\nsagemaker==2.257.7\n", "sagemaker-core\n"]),
        ("2.257.7", "sagemaker-experiments\n", ["sagemaker==2.257.7\n", "sagemaker-experiments\n"]),
        ("2.257.7", " \n", ["sagemaker==2.257.7\n"]),
        ("2.245.0", None, ["sagemaker==2.245.0\n"]),
        ("3.27.0", None, ["sagemaker-core>=2,<3\n"]),
        ("3.27.0", "tabulate\n", ["sagemaker-core>=2,<3\n", "tabulate\n"]),
        ("3.27.0", "sagemaker_core==2.27.0\nx\n", ["sagemaker_core==2.27.0\n", "sagemaker_core==2.27.0\nx\n"]),
        ("3.27.0", "sagemaker>=3.2\n", ["sagemaker>=3.2\n"]),
    ],
)
def test_the_sdk_stands_below_what_else_is_asked_for(client: str, given: str | None, stages: list[str]) -> None:
    read = function_jobs.stages(FunctionJob("3.11", client), None if given is None else given.encode())
    assert [each.decode() for each in read] == stages


def test_without_a_version_there_is_nothing_to_install() -> None:
    assert function_jobs.stages(FunctionJob("3.11", ""), None) == ()


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    path = tmp_path / "workspace.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ws/needs.txt", "tabulate\n")
        archive.writestr("ws/large.txt", "#" * 1_000_000)
    return path


def test_dependencies_are_read_from_the_workspace(workspace: Path) -> None:
    assert function_jobs.dependencies_in(workspace, "ws/needs.txt") == b"tabulate\n"


@pytest.mark.parametrize("member", ["ws/other.txt", "ws/large.txt", "", "../ws/needs.txt"])
def test_what_is_not_there_or_too_large_is_left_to_the_job(workspace: Path, member: str) -> None:
    assert function_jobs.dependencies_in(workspace, member) is None


@pytest.mark.parametrize("damage", [b"", b"no archive", 40])
def test_a_damaged_workspace_is_left_to_the_job(workspace: Path, damage: Any) -> None:
    content = workspace.read_bytes()
    if isinstance(damage, int):
        content = content[:damage] + b"\xff" * 8 + content[damage + 8 :]
    workspace.write_bytes(content if isinstance(damage, int) else damage)
    assert function_jobs.dependencies_in(workspace, "ws/needs.txt") is None
