"""Room container: where S3 keys become files. In: a plan's input and the keys found. Out: relative paths, or Refusal.

Keys come from anybody who may write to the bucket, so a path is taken only when it can lie nowhere but below its
target: no `..`, no empty or absolute parts, no NUL, no name that is a file here and a directory there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stepwell.container.objects import StoredObject
from stepwell.container.plan import ROOT, Location, Refusal, is_below_root

NAME_LIMIT = 255
"""Longest name of one directory entry in bytes (NAME_MAX of Linux file systems)."""
PATH_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class Placement:
    """An object, and the path below the target that it gets; a directory only, if it is a folder's marker."""

    item: StoredObject
    path: str
    is_folder: bool = False


def below(root: Path, inside: str) -> Path:
    """The path on the host of `inside`, a path in the container, when `root` is its /opt/ml. Raises Refusal."""
    if not is_below_root(inside):
        raise Refusal(f'The path "{inside}" is not below {ROOT}.')
    return root.joinpath(*PurePosixPath(inside).parts[3:])


def under_prefix(location: Location, found: Sequence[StoredObject]) -> list[Placement]:
    """Where the objects below `location` go. An object of exactly that key is taken alone, under its last name."""
    exact = [item for item in found if item.key == location.key and not item.key.endswith("/")]
    if exact:
        return _checked((item, item.key.rpartition("/")[2]) for item in exact)
    folder = location.key if location.key.endswith("/") or not location.key else f"{location.key}/"
    inside = [item for item in found if item.key.startswith(folder)]
    if inside:
        return _checked((item, item.key[len(folder) :]) for item in inside if item.key != folder)
    parent = location.key[: location.key.rfind("/") + 1]
    return _checked((item, item.key[len(parent) :]) for item in found)


def in_manifest(entries: Iterable[tuple[str, StoredObject]]) -> list[Placement]:
    """Where the objects of a manifest go: each under the text it has there."""
    return _checked((item, path) for path, item in entries)


def manifest(text: bytes, where: Location) -> tuple[str, list[str]]:
    """The prefix (an S3 URI) and the suffixes of a manifest file. Raises Refusal."""
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise Refusal(f"Data download failed:The manifest {where} is not valid JSON: {error}") from error
    if not isinstance(entries, list) or not entries or not isinstance(entries[0], dict):
        raise Refusal(f'Data download failed:The manifest {where} must be a list that begins with {{"prefix": …}}.')
    prefix, suffixes = entries[0].get("prefix"), entries[1:]
    if not isinstance(prefix, str) or not all(isinstance(suffix, str) for suffix in suffixes):
        raise Refusal(f"Data download failed:The manifest {where} must hold one prefix and then texts only.")
    return prefix, suffixes


def share(placements: Sequence[Placement], index: int, count: int) -> list[Placement]:
    """Every `count`-th placement beginning with `index`: the share of one host (ShardedByS3Key)."""
    return list(placements[index::count])


def _checked(pairs: Iterable[tuple[StoredObject, str]]) -> list[Placement]:
    placements = [_placement(item, path) for item, path in pairs]
    files = {placement.path for placement in placements if not placement.is_folder}
    folders = {parent for placement in placements for parent in _parents(placement)}
    for placement in placements:
        if not placement.is_folder and placement.path in folders:
            raise _unplaceable(placement.item.key, "other keys make it a directory")
    if len(files) != sum(1 for placement in placements if not placement.is_folder):
        raise Refusal("Data download failed:Two objects would become the same file.")
    return placements


def _placement(item: StoredObject, path: str) -> Placement:
    is_folder = path.endswith("/") and item.size == 0
    parts = path.removesuffix("/").split("/") if is_folder else path.split("/")
    if any(part in {"", ".", ".."} for part in parts):
        raise _unplaceable(item.key, "it has an empty, `.` or `..` part")
    if "\0" in path:
        raise _unplaceable(item.key, "it holds a NUL character")
    if any(len(part.encode()) > NAME_LIMIT for part in parts) or len(path.encode()) > PATH_LIMIT:
        raise _unplaceable(item.key, f"a part of it is longer than {NAME_LIMIT} bytes")
    return Placement(item, "/".join(parts), is_folder)


def _parents(placement: Placement) -> Iterable[str]:
    parts = placement.path.split("/")
    last = len(parts) if placement.is_folder else len(parts) - 1
    return ("/".join(parts[:depth]) for depth in range(1, last + 1))


def _unplaceable(key: str, why: str) -> Refusal:
    return Refusal(f"Data download failed:The object with key {key!r} cannot become a file: {why}.")
