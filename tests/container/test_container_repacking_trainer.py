"""Repacking jobs of the SDK 3: which are recognised, what is made of a model, and what is left to its script."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stepwell.base.documents import Document
from stepwell.container import repacking_trainer, training
from stepwell.container.plan import Location, Plan, Refusal
from stepwell.container.repacking import LAUNCHER, SCRIPT
from stepwell.container.repacking_trainer import (
    ARGUMENTS,
    PROGRAMS,
    SETTINGS,
    TrainerRepack,
    asked,
    carry_out,
    is_known,
)
from stepwell.container.unpacking import Unusual

HYPERPARAMETERS = {
    "inference_script": "inference.py",
    "model_archive": "s3://models/of/job/model.tar.gz",
    "source_dir": "/tmp/tmpz1gip2ur/source",
}
PLACES = {"training": "models/of/job/model.tar.gz", "code": "code/input/code", "sm_drivers": "code/input/sm_drivers"}
REPACK = TrainerRepack(
    {name: Location(*place.split("/", 1)) for name, place in PLACES.items()}, archive="model.tar.gz"
)
RUN = {"source_dir": "/tmp/tmpw4ial_na", "requirements": None, "entry_script": LAUNCHER, "command": None}
PLENTY = 1 << 30


def channel(name: str, **more: object) -> Document:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{PLACES[name]}", "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **more}


def a_plan(channels: tuple[Document, ...] = tuple(map(channel, PLACES)), **more: object) -> Plan:
    algorithm = {
        "TrainingImage": "sagemaker-scikit-learn:1.2-1",
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["/bin/bash"],
        "ContainerArguments": list(ARGUMENTS),
    }
    request: Document = {
        "AlgorithmSpecification": {**algorithm, **more.pop("algorithm", {})},  # type: ignore[dict-item]
        "RoleArn": "arn:aws:iam::123456789012:role/R",
        "InputDataConfig": list(channels),
        "OutputDataConfig": {"S3OutputPath": "s3://models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
        **more,
    }
    return training.plan("j", "arn:j", request)


def test_what_the_sdk_asks_for() -> None:
    assert asked(a_plan(), HYPERPARAMETERS) == REPACK


@pytest.mark.parametrize(
    "other",
    [
        {"epochs": "3"},
        {"source_dir": ""},
        {"source_dir": "null me"},
        {"source_dir": "-x"},
        {"model_archive": "s3://models/of/job/"},
        {"inference_script": "a'; touch /opt/ml/model/b; echo '"},
        {"inference_script": "$HOME"},
    ],
)
def test_other_hyperparameters_are_another_job(other: dict[str, str]) -> None:
    assert asked(a_plan(), {**HYPERPARAMETERS, **other}) is None


@pytest.mark.parametrize("missing", HYPERPARAMETERS)
def test_a_hyperparameter_that_is_missing_is_another_job(missing: str) -> None:
    assert asked(a_plan(), {name: value for name, value in HYPERPARAMETERS.items() if name != missing}) is None


@pytest.mark.parametrize(
    "more",
    [
        {"algorithm": {"ContainerArguments": ["-c", "true"]}},
        {"algorithm": {"ContainerEntrypoint": ["/bin/sh"]}},
        {"Environment": {"PYTHONPATH": "/opt/ml/input/data/code"}},
        {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 30}},
        {"OutputDataConfig": {"S3OutputPath": "s3://models", "CompressionType": "NONE"}},
        {"CheckpointConfig": {"S3Uri": "s3://models/c"}},
        {"channels": (channel("training"), channel("code"))},
        {"channels": (channel("training"), channel("code"), channel("sm_drivers", InputMode="Pipe"))},
    ],
)
def test_a_job_that_asks_for_more_is_another_job(more: dict[str, Any]) -> None:
    assert asked(a_plan(**more), HYPERPARAMETERS) is None


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Other programs in place of the SDK's, by `<channel>/<path>`."""
    found = {name: name.encode() for name in PROGRAMS}
    known = {name: frozenset({hashlib.sha256(data).hexdigest()}) for name, data in found.items()}
    monkeypatch.setattr(repacking_trainer, "PROGRAMS", known)
    return {**found, SETTINGS: json.dumps(RUN).encode()}


def test_the_sdks_own_programs_are_known(programs: dict[str, bytes]) -> None:
    assert is_known(programs.get)


@pytest.mark.parametrize("name", [*PROGRAMS, SETTINGS])
def test_one_that_is_missing_or_another_is_not_known(programs: dict[str, bytes], name: str) -> None:
    assert not is_known({**programs, name: b"another"}.get)
    del programs[name]
    assert not is_known(programs.get)


@pytest.mark.parametrize(
    "other",
    [
        {"entry_script": "train.py"},
        {"requirements": "requirements.txt"},
        {"command": "python x"},
        {"args": ["-x"]},
    ],
)
def test_settings_that_say_something_else_are_not_known(programs: dict[str, bytes], other: dict[str, object]) -> None:
    assert not is_known({**programs, SETTINGS: json.dumps({**RUN, **other}).encode()}.get)


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"\xff"])
def test_settings_that_are_none_are_not_known(programs: dict[str, bytes], text: bytes) -> None:
    assert not is_known({**programs, SETTINGS: text}.get)


Lay = Callable[..., Path]


@pytest.fixture
def lay(tmp_path: Path, programs: dict[str, bytes]) -> Lay:
    """Makes a /opt/ml with the staged channels: links to read-only files, as staging makes them for this server."""

    def place(name: str, data: bytes) -> None:
        blob = tmp_path / "blobs" / hashlib.sha256(data).hexdigest()
        blob.parent.mkdir(exist_ok=True)
        if not blob.exists():
            blob.write_bytes(data)
            blob.chmod(0o400)
        target = tmp_path / "opt-ml" / "input" / "data" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(blob)

    def make(*members: tuple[str, bytes]) -> Path:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for path, data in members:
                member = tarfile.TarInfo(path)
                member.size, member.mode, member.mtime = len(data), 0o667, 1_600_000_000
                archive.addfile(member, io.BytesIO(data))
        place("training/model.tar.gz", packed.getvalue())
        for name, data in {**programs, "code/inference.py": b"new", "code/inner/more.py": b""}.items():
            place(name, data)
        return tmp_path / "opt-ml"

    return make


def test_all_of_the_code_takes_the_place_of_what_was_there(lay: Lay) -> None:
    root = lay(("./model.bin", b"weights"), ("code/inference.py", b"old"), ("code/old.py", b""))
    carry_out(REPACK, root, PLENTY, lambda: None)
    carry_out(REPACK, root, PLENTY, lambda: None)
    model = root / "model"
    found = {str(path.relative_to(model)): path.read_bytes() for path in model.rglob("*") if path.is_file()}
    assert found == {
        "model.bin": b"weights",
        "code/inference.py": b"new",
        "code/inner/more.py": b"",
        f"code/{SCRIPT}": f"code/{SCRIPT}".encode(),
        f"code/{LAUNCHER}": f"code/{LAUNCHER}".encode(),
    }
    assert not any(path.is_symlink() for path in model.rglob("*"))
    assert (model / "model.bin").stat().st_mtime == 1_600_000_000
    modes = {name: (model / name).stat().st_mode & 0o777 for name in ("model.bin", "code/inference.py")}
    assert modes == {"model.bin": 0o644, "code/inference.py": 0o644}
    assert (model / "code" / LAUNCHER).stat().st_mode & 0o777 == 0o755
    assert (root / "output" / "data").is_dir()


@pytest.mark.parametrize("path", ["code", "../out", "/out"])
def test_what_the_script_would_stumble_over_is_left_to_it(lay: Lay, path: str) -> None:
    with pytest.raises(Unusual):
        carry_out(REPACK, lay(("model.bin", b"weights"), (path, b"x")), PLENTY, lambda: None)


def test_programs_that_changed_meanwhile_are_left_to_a_container(lay: Lay) -> None:
    root = lay(("model.bin", b"weights"))
    (root / "input" / "data" / "code" / SCRIPT).unlink()
    with pytest.raises(Unusual):
        carry_out(REPACK, root, PLENTY, lambda: None)
    (root / "input" / "data" / "code" / SCRIPT).write_text("another")
    with pytest.raises(Unusual, match="not known"):
        carry_out(REPACK, root, PLENTY, lambda: None)


def test_a_model_that_is_missing_is_left_to_a_container(lay: Lay) -> None:
    root = lay(("model.bin", b"weights"))
    (root / "input" / "data" / "training" / "model.tar.gz").unlink()
    with pytest.raises(Unusual):
        carry_out(REPACK, root, PLENTY, lambda: None)


def test_a_bomb_is_refused(lay: Lay) -> None:
    with pytest.raises(Refusal, match="VolumeSizeInGB"):
        carry_out(REPACK, lay(("model.bin", bytes(1 << 20))), 1 << 19, lambda: None)


def test_a_full_disk_is_not_the_archives_fault(lay: Lay, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object, **_more: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    root = lay(("model.bin", b"weights"))
    monkeypatch.setattr(shutil, "copytree", full)
    with pytest.raises(OSError, match="No space left"):
        carry_out(REPACK, root, PLENTY, lambda: None)
