"""Staging: a plan laid out as files, and what bad input does to it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from stepwell.base.documents import Document
from stepwell.container import layout, processing, staging
from stepwell.container.plan import Input, Location, Plan, Refusal
from stepwell.launchers import planting
from stepwell.testing.folder_objects import FolderObjects


@pytest.fixture
def objects(tmp_path: Path) -> FolderObjects:
    found = FolderObjects(tmp_path / "objects")
    for key in ("in/a", "in/b/c", "in/b/d", "one.csv"):
        found.add("b", key, key.encode())
    return found


def a_plan(*inputs: Input, hosts: int = 1) -> Plan:
    request: Document = {
        "ProcessingResources": {"ClusterConfig": {"InstanceCount": hosts, "InstanceType": "ml.m5.large"}},
        "AppSpecification": {"ImageUri": "python:3.11"},
        "RoleArn": "arn:aws:iam::123456789012:role/R",
        "ProcessingOutputConfig": {
            "Outputs": [{"OutputName": "o", "S3Output": {"S3Uri": "s3://b/o", "LocalPath": "/opt/ml/processing/o"}}]
        },
    }
    return replace(processing.plan("j", "arn:j", request), inputs=inputs)


def lay_out(plan: Plan, objects: FolderObjects, folder: Path) -> dict[str, Path]:
    roots = {host: folder / host for host in plan.hosts}
    for root in roots.values():
        root.mkdir(parents=True)
    staging.bring(plan, roots, objects, lambda: None)
    for host, root in roots.items():
        planting.plant(str(root), [(entry.path, str(entry.kind), entry.content) for entry in layout.tree(plan, host)])
    return roots


def files(root: Path) -> dict[str, str]:
    inside = root / "processing"
    return {str(path.relative_to(inside)): path.read_text() for path in inside.rglob("*") if path.is_file()}


def an_input(key: str, target: str = "in", **more: object) -> Input:
    return Input("data", Location("b", key), f"/opt/ml/processing/{target}", **more)  # type: ignore[arg-type]


def test_inputs_outputs_and_config(objects: FolderObjects, tmp_path: Path) -> None:
    plan = a_plan(an_input("in"), an_input("one.csv", "in/code"))
    (root,) = lay_out(plan, objects, tmp_path / "job").values()
    assert files(root) == {"in/a": "in/a", "in/b/c": "in/b/c", "in/b/d": "in/b/d", "in/code/one.csv": "one.csv"}
    assert (root / "processing" / "o").is_dir()
    assert json.loads((root / "config" / "processingjobconfig.json").read_text())["ProcessingJobName"] == "j"
    assert json.loads((root / "config" / "resourceconfig.json").read_text())["current_host"] == "algo-1"


def test_every_host_gets_all_or_its_share(objects: FolderObjects, tmp_path: Path) -> None:
    plan = a_plan(an_input("in"), an_input("in", "share", sharded=True), hosts=2)
    first, second = lay_out(plan, objects, tmp_path / "job").values()
    assert {"in/a", "in/b/c", "in/b/d"} <= set(files(first)) & set(files(second))
    assert {name for name in files(first) if name.startswith("share")} == {"share/a", "share/b/d"}
    assert {name for name in files(second) if name.startswith("share")} == {"share/b/c"}
    assert json.loads((second / "config" / "resourceconfig.json").read_text())["current_host"] == "algo-2"


def test_a_host_may_get_no_share(objects: FolderObjects, tmp_path: Path) -> None:
    first, second = lay_out(a_plan(an_input("one.csv", sharded=True), hosts=2), objects, tmp_path / "job").values()
    assert files(first) == {"in/one.csv": "one.csv"}
    assert files(second) == {}


def test_many_objects(objects: FolderObjects, tmp_path: Path) -> None:
    for number in range(50):
        objects.add("many", f"p/{number:03}", str(number).encode())
    (root,) = lay_out(
        a_plan(Input("m", Location("many", "p"), "/opt/ml/processing/m")), objects, tmp_path / "j"
    ).values()
    assert len(files(root)) == 50


def test_a_manifest_brings_what_it_names(objects: FolderObjects, tmp_path: Path) -> None:
    objects.add("b", "list.json", b'[{"prefix": "s3://b/in/"}, "a", "b/d"]')
    (root,) = lay_out(a_plan(an_input("list.json", listing="manifest")), objects, tmp_path / "job").values()
    assert files(root) == {"in/a": "in/a", "in/b/d": "in/b/d"}


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ([an_input("nothing")], 'No S3 objects found under S3 URL "s3://b/nothing"'),
        ([Input("x", Location("missing", "in"), "/opt/ml/processing/x")], "Error code: NoSuchBucket"),
        ([an_input("missing.json", listing="manifest")], 'No S3 objects found under S3 URL "s3://b/missing.json"'),
        ([an_input("bad.json", listing="manifest")], "does not exist"),
        ([an_input("evil")], "cannot become a file"),
        ([an_input("in"), an_input("in/a")], "same file a"),
        ([an_input("one.csv"), an_input("folder")], "a directory of another"),
    ],
)
def test_bad_input_is_refused(objects: FolderObjects, tmp_path: Path, inputs: list[Input], told: str) -> None:
    objects.add("b", "bad.json", b'[{"prefix": "s3://b/"}, "gone"]')
    objects.add("b", "evil/../../x", b"")
    objects.add("b", "folder/one.csv/x", b"")
    with pytest.raises(Refusal, match=told):
        lay_out(a_plan(*inputs, hosts=2), objects, tmp_path / "job")
    assert not list(tmp_path.rglob("passwd"))


def test_nothing_to_bring_is_fine_for_checkpoints(objects: FolderObjects, tmp_path: Path) -> None:
    (root,) = lay_out(a_plan(an_input("nothing", optional=True)), objects, tmp_path / "job").values()
    assert files(root) == {}


@pytest.mark.parametrize("count", [3, 40])
def test_a_stop_interrupts(objects: FolderObjects, tmp_path: Path, count: int) -> None:
    for number in range(count):
        objects.add("many", f"p/{number:03}", b"x")
    asked = 0

    def checkpoint() -> None:
        nonlocal asked
        asked += 1
        if asked > 2:
            raise staging.Interrupted

    plan = a_plan(Input("m", Location("many", "p"), "/opt/ml/processing/m"))
    (tmp_path / "job").mkdir()
    with pytest.raises(staging.Interrupted):
        staging.bring(plan, {"algo-1": tmp_path / "job"}, objects, checkpoint)
    assert len(files(tmp_path / "job")) < count
