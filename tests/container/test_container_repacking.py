"""Repacking jobs: which are recognised, what is made of a model, and what is left to the SDK's own script."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stepwell.base.documents import Document
from stepwell.container import repacking, training, unpacking
from stepwell.container.packing import BLOCK, Packer
from stepwell.container.plan import Input, Location, Plan, Refusal
from stepwell.container.repacking import LAUNCHER, SCRIPT, Repack
from stepwell.container.unpacking import Unusual

HYPERPARAMETERS = {
    "inference_script": '"inference.py"',
    "model_archive": "s3://models/of/job/model.tar.gz",
    "dependencies": "null",
    "source_dir": "null",
    "sagemaker_submit_directory": '"s3://code/sourcedir.tar.gz"',
    "sagemaker_program": f'"{LAUNCHER}"',
    "sagemaker_container_log_level": "20",
    "sagemaker_region": '"us-east-1"',
}
REPACK = Repack(Location("code", "sourcedir.tar.gz"), "model.tar.gz", "inference.py", False, ())
TEXTS = {SCRIPT: b"script", LAUNCHER: b"launcher"}
PLENTY = 1 << 30


def a_plan(**more: object) -> Plan:
    request: Document = {
        "AlgorithmSpecification": {"TrainingImage": "sagemaker-scikit-learn:1.2-1", "TrainingInputMode": "File"},
        "RoleArn": "arn:aws:iam::123456789012:role/R",
        "InputDataConfig": [
            {
                "ChannelName": "training",
                "DataSource": {
                    "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://models/of/job/model.tar.gz"}
                },
            }
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
        **more,
    }
    return training.plan("j", "arn:j", request)


def test_what_the_sdk_asks_for() -> None:
    assert repacking.asked(a_plan(), HYPERPARAMETERS) == REPACK
    whole = {**HYPERPARAMETERS, "source_dir": '"/tmp/abc"', "dependencies": '"a b/c"'}
    assert repacking.asked(a_plan(), whole) == replace(REPACK, whole=True, dependencies=("a", "b/c"))


@pytest.mark.parametrize(
    "other",
    [
        {"epochs": "3"},
        {"sagemaker_program": '"train.py"'},
        {"sagemaker_program": '"_repack_model.py"'},
        {"sagemaker_submit_directory": '"/opt/ml/code"'},
        {"inference_script": '"../inference.py"'},
        {"inference_script": '"--help"'},
        {"inference_script": '""'},
        {"inference_script": "7"},
        {"dependencies": '["a"]'},
        {"dependencies": '"-x"'},
    ],
)
def test_other_hyperparameters_are_another_job(other: dict[str, str]) -> None:
    assert repacking.asked(a_plan(), {**HYPERPARAMETERS, **other}) is None


@pytest.mark.parametrize(
    "other",
    [
        {"Environment": {"A": "b"}},
        {"AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "File", "ContainerEntrypoint": ["x"]}},
        {"AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "Pipe"}},
        {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 30}},
        {"OutputDataConfig": {"S3OutputPath": "s3://models", "CompressionType": "NONE"}},
        {"CheckpointConfig": {"S3Uri": "s3://models/points"}},
        {"InputDataConfig": []},
    ],
)
def test_other_requests_are_another_job(other: Document) -> None:
    assert repacking.asked(a_plan(**other), HYPERPARAMETERS) is None


def test_a_second_channel_is_another_job() -> None:
    plan = a_plan()
    more = Input("more", Location("b", "k"), "/opt/ml/input/data/more")
    assert repacking.asked(replace(plan, inputs=(*plan.inputs, more)), HYPERPARAMETERS) is None


Members = dict[str, bytes | tarfile.TarInfo]
Archive = Callable[[str, Members], Path]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    def make(name: str, members: Members) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path, "w:gz") as target:
            for each, content in members.items():
                if isinstance(content, tarfile.TarInfo):
                    content.name = each
                    target.addfile(content)
                else:
                    member = tarfile.TarInfo(each)
                    member.size, member.mode, member.mtime = len(content), 0o664, 1_600_000_000
                    target.addfile(member, io.BytesIO(content))
        return path

    return make


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The texts of these tests stand for the SDK's."""
    digests = {name: hashlib.sha256(text).hexdigest() for name, text in TEXTS.items()}
    monkeypatch.setattr(repacking, "SCRIPTS", {digests[SCRIPT]: True})
    monkeypatch.setattr(repacking, "LAUNCHERS", frozenset({digests[LAUNCHER]}))


@pytest.fixture
def repacked(tmp_path: Path, archive: Archive, known: None) -> Callable[..., dict[str, bytes]]:
    def make(repack: Repack, model: Members, code: Members, most_bytes: int = PLENTY) -> dict[str, bytes]:
        source = archive("sourcedir.tar.gz", {**TEXTS, **code})
        root = tmp_path / "opt-ml"
        archive("opt-ml/input/data/training/model.tar.gz", model)
        repacking.carry_out(repack, source, root, tmp_path / "scratch", most_bytes, lambda: None)
        assert not (tmp_path / "scratch").exists()
        folder = root / "model"
        return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    return make


Repacked = Callable[..., dict[str, bytes]]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, {"m": b"1", "code/old.py": b"o", "code/inference.py": b"new"}),
        (
            {"whole": True},
            {"m": b"1", "code/inference.py": b"new", "code/lib/a.py": b"a"}
            | {f"code/{name}": text for name, text in TEXTS.items()},
        ),
        (
            {"dependencies": ("lib/a.py",)},
            {"m": b"1", "code/old.py": b"o", "code/inference.py": b"new", "code/lib/a.py": b"a"},
        ),
        (
            {"dependencies": ("lib/a.py", "/home/user/lib", "never/looked/at")},
            {"m": b"1", "code/old.py": b"o", "code/inference.py": b"new"}
            | {f"code/lib/{name}": text for name, text in TEXTS.items()}
            | {"code/lib/inference.py": b"new", "code/lib/lib/a.py": b"a"},
        ),
    ],
)
def test_what_is_made_of_a_model(repacked: Repacked, more: dict[str, object], expected: dict[str, bytes]) -> None:
    model: Members = {"./m": b"1", "code/old.py": b"o", "code/inference.py": b"old"}
    code: Members = {"inference.py": b"new", "lib/a.py": b"a"}
    assert repacked(replace(REPACK, **more), model, code) == expected  # type: ignore[arg-type]


def test_permissions_and_times_are_those_of_the_script(repacked: Repacked, tmp_path: Path) -> None:
    repacked(replace(REPACK, whole=True), {"m": b"1"}, {"inference.py": b""})
    model = tmp_path / "opt-ml" / "model"
    modes = {path.name: path.stat().st_mode & 0o777 for path in model.rglob("*") if path.is_file()}
    assert modes == {"m": 0o644, "inference.py": 0o664, SCRIPT: 0o664, LAUNCHER: 0o777}
    assert (model / "m").stat().st_mtime == 1_600_000_000


def of_type(kind: bytes, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo()
    member.type, member.linkname = kind, link
    return member


@pytest.mark.parametrize(
    "model",
    [
        {"../out": b""},
        {"/etc/passwd": b""},
        {"a/../../b": b""},
        {"link": of_type(tarfile.SYMTYPE, "/etc/passwd")},
        {"link": of_type(tarfile.LNKTYPE, "m")},
        {"device": of_type(tarfile.CHRTYPE)},
        {"pipe": of_type(tarfile.FIFOTYPE)},
        {"a": b"file", "a/b": b"in it"},
        {"code": b"a file"},
        {"a": b"1", "./a": b"2"},
        {"n" * 256: b""},
    ],
    ids=lambda model: "+".join(name[:20] for name in model),
)
def test_what_is_not_plain_is_left_to_the_script(repacked: Repacked, model: Members, tmp_path: Path) -> None:
    with pytest.raises(Unusual):
        repacked(REPACK, model, {"inference.py": b""})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("repack", "code"),
    [
        (REPACK, {}),
        (replace(REPACK, archive="another.tar.gz"), {"inference.py": b""}),
        (replace(REPACK, dependencies=("/usr/lib/x.py",)), {"inference.py": b""}),
        (REPACK, {"inference.py": b"", "link": of_type(tarfile.SYMTYPE, "inference.py")}),
    ],
)
def test_what_would_fail_is_left_to_the_script(repacked: Repacked, repack: Repack, code: Members) -> None:
    with pytest.raises(Unusual):
        repacked(repack, {"m": b"1"}, code)


def test_a_bomb_ends_the_job(repacked: Repacked) -> None:
    with pytest.raises(Refusal, match=r"model.tar.gz holds more than 1048576 bytes"):
        repacked(REPACK, {"zeros": bytes(2 << 20)}, {"inference.py": b""}, 1 << 20)


def test_a_full_disk_is_not_the_archives_fault(repacked: Repacked, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(unpacking, "_write", full)
    with pytest.raises(OSError, match="No space left"):
        repacked(REPACK, {"m": b"1"}, {"inference.py": b""})


def test_a_long_header_does_not_fill_the_memory(archive: Archive, tmp_path: Path) -> None:
    path = tmp_path / "long.tar.gz"
    member = tarfile.TarInfo("m")
    member.pax_headers = {"comment": "x" * (5 << 20)}
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as target:
        target.addfile(member)
    with pytest.raises(Unusual, match="header"):
        unpacking.unpack(path, tmp_path / "out", PLENTY, lambda: None)


@pytest.mark.parametrize("damage", [slice(0, 200), slice(1, None)])
def test_a_damaged_archive_is_left_to_the_script(archive: Archive, tmp_path: Path, damage: slice) -> None:
    path = archive("m.tar.gz", {"m": bytes(range(256)) * 40})
    path.write_bytes(path.read_bytes()[damage])
    with pytest.raises(Unusual):
        unpacking.unpack(path, tmp_path / "out", PLENTY, lambda: None, only_gzip=True)


def test_an_archive_that_is_not_compressed_is_left_to_the_script(tmp_path: Path) -> None:
    path = tmp_path / "m.tar"
    tarfile.open(path, "w").close()
    with pytest.raises(Unusual):
        unpacking.unpack(path, tmp_path / "out", PLENTY, lambda: None, only_gzip=True)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (TEXTS, True),
        ({f"./{name}": text for name, text in TEXTS.items()}, True),
        ({**TEXTS, SCRIPT: b"another"}, False),
        ({**TEXTS, LAUNCHER: b"another"}, False),
        ({SCRIPT: TEXTS[SCRIPT]}, False),
        ({**TEXTS, f"./{SCRIPT}": b"twice"}, False),
        ({LAUNCHER: TEXTS[LAUNCHER], SCRIPT: of_type(tarfile.SYMTYPE, LAUNCHER)}, False),
    ],
)
def test_only_the_sdks_own_programs_are_known(archive: Archive, known: None, code: Members, expected: bool) -> None:
    assert repacking.is_known(archive("code.tar.gz", code)) is expected


def test_code_that_is_no_archive_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "code").write_text(json.dumps(HYPERPARAMETERS))
    assert not repacking.is_known(tmp_path / "code")


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, 3 * BLOCK + 7])
@pytest.mark.parametrize("shrinks", [True, False])
def test_what_is_packed_is_one_gzip_member(size: int, shrinks: bool) -> None:
    seed = b"".join(hashlib.sha256(bytes([each])).digest() for each in range(256))
    data = (bytes(size) if shrinks else seed * (size // len(seed) + 1))[:size]
    packed = []
    for piece in (size or 1, 10_000):
        target = io.BytesIO()
        with Packer(target) as packer:
            for begin in range(0, size, piece):
                packer.write(data[begin : begin + piece])
        packed.append(target.getvalue())
    assert packed[0] == packed[1], "the same bytes give the same data"
    assert gzip.decompress(packed[0]) == data
    assert not shrinks or len(packed[0]) <= 100 + size // 50
