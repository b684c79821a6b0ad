"""The disks of a job's hosts: how large they are, and inputs that do not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from stepwell.base.documents import Document
from stepwell.container import processing, staging, training, volumes
from stepwell.container.plan import Group, Input, Location, Plan, Refusal
from stepwell.testing.folder_objects import FolderObjects

GIB = 1 << 30


def a_plan(instance_type: str = "ml.m5.large", gib: int | None = 1, hosts: tuple[str, ...] = ("algo-1",)) -> Plan:
    cluster: Document = {"InstanceCount": 1, "InstanceType": instance_type}
    request: Document = {
        "ProcessingResources": {"ClusterConfig": {**cluster, **({"VolumeSizeInGB": gib} if gib else {})}},
        "AppSpecification": {"ImageUri": "python:3.11"},
        "RoleArn": "arn:aws:iam::123456789012:role/R",
    }
    return replace(processing.plan("j", "arn:j", request), groups=(Group("g", instance_type, hosts),))


@pytest.mark.parametrize(
    ("instance_type", "gib", "size"),
    [
        ("ml.m5.large", 1, GIB),
        ("ml.m5.large", 30, 30 * GIB),
        ("ml.m5.large", None, None),
        ("local", 2, 2 * GIB),
        ("ml.m5d.large", 30, None),
        ("ml.g5.xlarge", 30, None),
    ],
)
def test_the_disk_of_a_host(instance_type: str, gib: int | None, size: int | None) -> None:
    assert volumes.volume_bytes(a_plan(instance_type, gib), "algo-1") == size


def test_training_jobs_have_it_in_their_resources() -> None:
    request: Document = {
        "AlgorithmSpecification": {"TrainingImage": "python:3.11", "TrainingInputMode": "File"},
        "RoleArn": "arn:aws:iam::123456789012:role/R",
        "OutputDataConfig": {"S3OutputPath": "s3://b/o"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 7},
    }
    assert training.plan("j", "arn:j", request).volume_gib == 7
    assert training.plan("j", "arn:j", {**request, "ResourceConfig": {}}).volume_gib is None


@pytest.mark.parametrize(
    ("inputs", "sharded", "fits"),
    [(("a",), False, True), (("a", "b"), False, False), (("a", "b"), True, True), (("a", "b", "c"), True, True)],
)
def test_inputs_must_fit_on_each_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inputs: tuple[str, ...], sharded: bool, fits: bool
) -> None:
    monkeypatch.setattr(volumes, "GIB", 10)  # a GB of ten bytes
    objects = FolderObjects(tmp_path / "objects")
    for name in inputs:
        objects.add("b", f"{name}/1", b"123")
        objects.add("b", f"{name}/2", b"456")
    wanted = tuple(Input(n, Location("b", f"{n}/"), f"/opt/ml/processing/{n}", sharded=sharded) for n in inputs)
    plan = replace(a_plan(hosts=("algo-1", "algo-2")), inputs=wanted)
    roots = {host: tmp_path / host for host in plan.hosts}
    if fits:
        staging.bring(plan, roots, objects, lambda: None)
        return
    with pytest.raises(Refusal) as refused:
        staging.bring(plan, roots, objects, lambda: None)
    assert str(refused.value) == (
        'Data download failed:Insufficient disk space. "b" has 6 bytes, and 4 are left of the 1 GB of '
        "VolumeSizeInGB. Ask for a larger VolumeSizeInGB, or give each host less data."
    )
    assert not (roots["algo-1"] / "processing" / "b" / "1").exists()
