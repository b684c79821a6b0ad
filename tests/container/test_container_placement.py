"""Keys become paths below their target, or the job is refused; whoever wrote the keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.container.objects import StoredObject
from stepwell.container.placement import below, in_manifest, manifest, share, under_prefix
from stepwell.container.plan import Location, Refusal


def stored(*keys: str) -> list[StoredObject]:
    return [StoredObject("b", key, 0 if key.endswith("/") else 1) for key in keys]


@pytest.mark.parametrize(
    ("key", "found", "paths"),
    [
        ("in", ["in/a", "in/b/c"], ["a", "b/c"]),
        ("in/", ["in/a", "in/b/c"], ["a", "b/c"]),
        ("in", ["in", "in.bak"], ["in"]),
        ("a/data.csv", ["a/data.csv"], ["data.csv"]),
        ("a/data.csv", ["a/data.csv", "a/data.csv/x"], ["data.csv"]),
        ("a/part-", ["a/part-0", "a/part-1"], ["part-0", "part-1"]),
        ("in", ["in-other/a", "in/a"], ["a"]),
        ("", ["a", "b/c"], ["a", "b/c"]),
        ("in", ["in/"], []),
        ("in", ["in/", "in/sub/", "in/sub/a"], ["sub", "sub/a"]),
    ],
)
def test_where_keys_go(key: str, found: list[str], paths: list[str]) -> None:
    assert [each.path for each in under_prefix(Location("b", key), stored(*found))] == paths


@pytest.mark.parametrize(
    "key",
    [
        "in/../../etc/passwd", "in/..", "in/.", "in//etc/passwd", "in/a//b", "in/./a", "in/a\0b", f"in/{'x' * 256}",
        f"in/{'ä' * 128}", "in/" + "/".join(["y" * 200] * 30),
    ],
)  # fmt: skip
def test_keys_that_cannot_be_paths_are_refused_by_name(key: str) -> None:
    with pytest.raises(Refusal, match="cannot become a file") as refused:
        under_prefix(Location("b", "in"), stored("in/good", key))
    assert repr(key) in str(refused.value)


def test_a_name_is_a_file_or_a_directory() -> None:
    with pytest.raises(Refusal, match="other keys make it a directory"):
        under_prefix(Location("b", "in"), stored("in/a", "in/a/b"))
    with pytest.raises(Refusal, match="other keys make it a directory"):
        under_prefix(Location("b", "in"), [*stored("in/a/"), *stored("in/a")])


def test_a_key_that_ends_in_a_slash_and_has_bytes_is_refused() -> None:
    with pytest.raises(Refusal, match="cannot become a file"):
        under_prefix(Location("b", "in"), [StoredObject("b", "in/a/", 5)])


def test_two_entries_of_a_manifest_cannot_be_one_file() -> None:
    item = stored("x")[0]
    with pytest.raises(Refusal, match="same file"):
        in_manifest([("a", item), ("a", item)])


@given(st.lists(st.text(alphabet="ab./\0é", min_size=1, max_size=8), max_size=6, unique=True))
def test_no_key_leaves_the_target(suffixes: list[str]) -> None:
    target = Path("/target")
    try:
        placed = under_prefix(Location("b", "in/"), stored(*(f"in/{suffix}" for suffix in suffixes)))
    except Refusal:
        return
    paths = [target / each.path for each in placed]
    assert all(path.is_relative_to(target) and path != target and ".." not in path.parts for path in paths)
    files = {path for path, each in zip(paths, placed, strict=True) if not each.is_folder}
    assert not any(parent in files for path in paths for parent in path.parents)


@given(st.text(alphabet="ab./\0", max_size=30))
def test_no_container_path_leaves_opt_ml(inside: str) -> None:
    try:
        found = below(Path("/host"), f"/opt/ml/{inside}")
    except Refusal:
        return
    assert ".." not in found.parts
    assert found.is_relative_to("/host") and found != Path("/host")


def test_shares_cover_everything_once() -> None:
    placed = under_prefix(Location("b", "in"), stored(*(f"in/{number}" for number in range(7))))
    shares = [share(placed, index, 3) for index in range(3)]
    assert sorted(each.path for one in shares for each in one) == [each.path for each in placed]
    assert [len(one) for one in shares] == [3, 2, 2]


@pytest.mark.parametrize(
    "text", [b"", b"{", b"{}", b"[]", b'["a"]', b'[{"prefix": 1}]', b'[{"prefix": "s3://b/"}, 2]']
)
def test_what_is_no_manifest_is_refused(text: bytes) -> None:
    with pytest.raises(Refusal, match="manifest s3://b/m"):
        manifest(text, Location("b", "m"))


def test_a_manifest() -> None:
    assert manifest(b'[{"prefix": "s3://b/x/"}, "a", "b/c"]', Location("b", "m")) == ("s3://b/x/", ["a", "b/c"])
