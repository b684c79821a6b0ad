"""Bundles as files: the same content makes the same file, and what is corrupt or hostile is refused."""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stepwell.blobs.folder import Blobs
from stepwell.cli import bundles
from stepwell.cli.bundles import DOCUMENT, BundleRefused
from stepwell.machines.bundle_documents import Bundle, written
from stepwell.machines.reproduction import Held, NotedJob, Target

ROWS, MODEL = b"1,2\n", b"weights"
DATA, MADE = hashlib.sha256(ROWS).hexdigest(), hashlib.sha256(MODEL).hexdigest()
ARN = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/train"
JOB = NotedJob(
    ARN,
    "training-job",
    "train",
    "Completed",
    1.0,
    2.0,
    {},
    {},
    "env-1",
    (Held("train", "data", "../../rows.csv", len(ROWS), DATA),),
    (Held("model", "models", "model", len(MODEL), MADE),),
)
BUNDLE = Bundle(
    "123456789012",
    "eu-west-1",
    Target("train", "training job", (), (ARN,)),
    (JOB,),
    {DATA: len(ROWS), MADE: len(MODEL)},
    {"env-1": "3.11"},
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A good bundle."""
    rows, model = tmp_path / "rows", tmp_path / "model"
    rows.write_bytes(ROWS)
    model.write_bytes(MODEL)
    bundles.write(tmp_path / "good.zip", BUNDLE, {"env-1": "numpy==1\n"}, {DATA: rows, MADE: model}, force=False)
    return tmp_path / "good.zip"


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


def kept(blobs: Blobs) -> Iterator[Path]:
    """Files of blobs, and what is left of unfinished ones."""
    return (each for each in blobs.folder.rglob("*") if each.is_file() and each.name != "lock")


def test_what_was_written_comes_back(path: Path, blobs: Blobs) -> None:
    assert bundles.unpacked(path, blobs) == BUNDLE
    assert blobs.path(DATA).read_bytes() == ROWS
    assert blobs.path(MADE).read_bytes() == MODEL
    with bundles.opened(path) as found:
        assert found.lock("env-1") == "numpy==1\n"
        found.verify()


def test_the_same_content_makes_the_same_file(path: Path, tmp_path: Path) -> None:
    files = {MADE: tmp_path / "model", DATA: tmp_path / "rows"}
    bundles.write(tmp_path / "other.zip", BUNDLE, {"env-1": "numpy==1\n"}, files, force=False)
    assert (tmp_path / "other.zip").read_bytes() == path.read_bytes()


def test_nothing_is_replaced_unasked(path: Path, tmp_path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(BundleRefused, match="is there already"):
        bundles.write(path, BUNDLE, {}, {}, force=False)
    assert path.read_bytes() == before
    with pytest.raises(BundleRefused, match="cannot be written"):
        bundles.write(tmp_path / "no" / "folder.zip", BUNDLE, {}, {}, force=False)
    with pytest.raises(BundleRefused, match="cannot be written"):
        bundles.write(path, BUNDLE, {}, {DATA: tmp_path / "not there"}, force=True)
    assert path.read_bytes() == before
    assert {each.name for each in tmp_path.iterdir()} == {"good.zip", "rows", "model"}


def rebuilt(path: Path, change: Callable[[zipfile.ZipInfo, bytes], Iterator[tuple[zipfile.ZipInfo, bytes]]]) -> None:
    """The bundle with other entries."""
    with zipfile.ZipFile(path) as archive:
        entries = [(info, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(path, "w") as archive:
        for info, data in entries:
            for each, content in change(info, data):
                archive.writestr(each, content)


def entry(name: str, mode: int = stat.S_IFREG | 0o600, how: int = zipfile.ZIP_STORED) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr, info.compress_type, info.create_system = mode << 16, how, 3
    return info


def with_more(info: zipfile.ZipInfo, data: bytes = b"x") -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(info, data)

    return change


def with_document(document: object) -> Callable[[Path], None]:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()

    def change(path: Path) -> None:
        rebuilt(path, lambda info, data: iter([(info, text if info.filename == DOCUMENT else data)]))

    return change


def with_other_bytes(path: Path) -> None:
    rebuilt(path, lambda info, data: iter([(info, b"9" * len(data) if info.filename.startswith("blobs/") else data)]))


def without(name: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        rebuilt(path, lambda info, data: iter([] if info.filename.startswith(name) else [(info, data)]))

    return change


def compressed(path: Path) -> None:
    """A bomb begins like this."""
    rebuilt(path, lambda info, data: iter([(entry(info.filename, how=zipfile.ZIP_DEFLATED), data)]))


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    position = data.index(ROWS)
    data[position] ^= 1
    path.write_bytes(data)


def doubled(path: Path) -> None:
    """Two entries of one name; Python warns of it."""
    data = path.read_bytes().replace(b"blobs/" + MADE.encode(), b"blobs/" + DATA.encode())
    path.write_bytes(data)


HOSTILE = [
    ("truncated", truncated, "is not a bundle, or not whole"),
    ("no zip at all", lambda path: path.write_bytes(b"MZ" * 99), "is not a bundle, or not whole"),
    ("empty", lambda path: path.write_bytes(b""), "is not a bundle, or not whole"),
    ("a flipped bit", flipped, "is damaged"),
    ("other bytes", with_other_bytes, "are others"),
    ("one name twice", doubled, "holds a name twice"),
    ("compressed", compressed, "is compressed"),
    ("traversal", with_more(entry("../../evil")), "does not belong into a bundle"),
    ("traversal in a blob", with_more(entry(f"blobs/../{DATA}")), "does not belong into a bundle"),
    ("an absolute name", with_more(entry("/etc/passwd")), "does not belong into a bundle"),
    ("a link", with_more(entry(f"blobs/{'d' * 64}", stat.S_IFLNK | 0o777)), "is not a file"),
    ("a device", with_more(entry(f"blobs/{'d' * 64}", stat.S_IFCHR | 0o777)), "is not a file"),
    ("an unlisted blob", with_more(entry(f"blobs/{'d' * 64}")), "missing, not listed, or of another size"),
    ("an unlisted lock", with_more(entry("locks/x.txt")), "the locks are not those that are listed"),
    ("a missing blob", without(f"blobs/{DATA}"), "missing, not listed, or of another size"),
    ("a missing lock", without("locks/"), "the locks are not those that are listed"),
    ("no document", without(DOCUMENT), "it has no stepwell-bundle.json"),
    ("another version", with_document({**written(BUNDLE), "format": 99}), "its format is 99"),
    ("another size", with_document(written(replace(BUNDLE, blobs={DATA: 9, MADE: 7}))), "are not in the bundle"),
    ("no JSON", with_document(b"{"), "is damaged"),
    ("no text", with_document(b"\xff\xfe\xfd"), "is damaged"),
    ("nested", with_document(b"[" * 200_000), "nested too deep"),
    ("a long number", with_document(b"1" * 10_000), "is damaged"),
]


@pytest.mark.parametrize(("change", "said"), [each[1:] for each in HOSTILE], ids=[each[0] for each in HOSTILE])
def test_what_is_refused(path: Path, blobs: Blobs, change: Callable[[Path], None], said: str) -> None:
    change(path)
    outside = {each for each in path.parent.rglob("*") if blobs.folder not in each.parents}
    with pytest.raises(BundleRefused) as refused:
        bundles.unpacked(path, blobs)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert {each for each in path.parent.rglob("*") if blobs.folder not in each.parents} == outside
    assert {each.name for each in kept(blobs)} <= {DATA[2:], MADE[2:]}, "no bytes under a name that is not theirs"


def test_what_is_refused_is_seen_before_anything_is_kept(path: Path) -> None:
    with_other_bytes(path)
    with bundles.opened(path) as found, pytest.raises(BundleRefused, match="are others"):
        found.verify()


def test_no_bundle_at_all(tmp_path: Path) -> None:
    with pytest.raises(BundleRefused, match="there is no bundle"), bundles.opened(tmp_path / "none.zip"):
        pass
    with pytest.raises(BundleRefused, match="there is no bundle"), bundles.opened(tmp_path):
        pass
