"""Room container: what is streamed to a job instead of laid out. In: objects of a channel in Pipe mode. Out: a folder
beside /opt/ml that `pipe_feeder.py` streams from while the job runs, and the first named pipe of every channel.

The folder holds the objects themselves (clones, so they cost no space where the file system can), a listing of
records for each channel, and `channels.json`. A record is what stays together when the order is shuffled: an object,
or the attributes of one line of an augmented manifest (AWS: "Augmented Manifest File Format for Pipe Mode Training").
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from stepwell.container.objects import StoredObject
from stepwell.container.placement import below
from stepwell.container.plan import Input, Location, Pipe, Refusal

FOLDER = "pipes"
CHANNELS = "channels.json"
REFERENCE = "-ref"
"""Ends the names of attributes whose value is the S3 URI of what is streamed."""
GZIP = b"\x1f\x8b"

Item: TypeAlias = StoredObject | str
"""An object, or a text as it is."""
Record: TypeAlias = tuple[Item, ...]
Place: TypeAlias = Callable[[StoredObject, Path], None]
"""Makes a file of an object."""


def folder(root: Path) -> Path:
    """Where the streams of the host lie whose /opt/ml is `root`."""
    return root.parent / FOLDER


def lay_out(wanted: Input, pipe: Pipe, records: Sequence[Record], root: Path, place: Place) -> None:
    """Make everything that the feeder of this channel needs. Raises Refusal."""
    here = folder(root)
    here.mkdir(mode=0o700, parents=True, exist_ok=True)
    known = _channels(here)
    number = str(len(known))
    (here / number).mkdir()
    paths: dict[StoredObject, str] = {}
    with (here / f"{number}.records").open("w", encoding="utf-8") as listing:
        for record in records:
            for item in record:
                if isinstance(item, StoredObject) and item not in paths:
                    paths[item] = f"{number}/{len(paths)}"
                    place(item, here / paths[item])
                    if pipe.unzipped:
                        _require_gzip(here / paths[item], item, wanted)
            items = [{"text": item} if isinstance(item, str) else {"file": paths[item]} for item in record]
            listing.write(json.dumps(items) + "\n")
    first = below(root, wanted.target)
    first.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.mkfifo(first.with_name(f"{first.name}_0"), 0o600)
    except FileExistsError:
        raise Refusal(f'Another channel has the name of the first pipe of channel "{wanted.name}".') from None
    inside = first.parent.relative_to(root.parent).parts
    described = {"name": first.name, "folder": inside, "number": number, **_settings(pipe)}
    (here / CHANNELS).write_text(json.dumps([*known, described]))


def _settings(pipe: Pipe) -> dict[str, object]:
    return {"unzipped": pipe.unzipped, "wrapped": pipe.wrapped, "seed": pipe.seed}


def _channels(here: Path) -> list[object]:
    file = here / CHANNELS
    return list(json.loads(file.read_text())) if file.exists() else []


def _require_gzip(path: Path, item: StoredObject, wanted: Input) -> None:
    with path.open("rb") as file:
        if file.read(len(GZIP)) != GZIP:
            where = Location(item.bucket, item.key)
            raise Refusal(f'Data download failed:{where} of channel "{wanted.name}" is not gzip data.')


def augmented(
    text: bytes, attributes: Sequence[str], where: Location, find: Callable[[str], StoredObject]
) -> Iterator[Record]:
    """The records of an augmented manifest: of every line these attributes, in this order. `find` answers the object
    of an S3 URI. Raises Refusal."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield tuple(_attribute(_line(line, number, where), name, number, where, find) for name in attributes)


def _line(line: bytes, number: int, where: Location) -> dict[str, object]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _bad_line(where, number, f"is not valid JSON: {error}") from error
    if not isinstance(found, dict):
        raise _bad_line(where, number, "is not a JSON object")
    return found


def _attribute(
    line: dict[str, object], name: str, number: int, where: Location, find: Callable[[str], StoredObject]
) -> Item:
    if name not in line:
        raise _bad_line(where, number, f"has no attribute {name!r}")
    value = line[name]
    if name.endswith(REFERENCE):
        if not isinstance(value, str):
            raise _bad_line(where, number, f"has no S3 URI as {name!r}")
        return find(value)
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _bad_line(where: Location, number: int, problem: str) -> Refusal:
    return Refusal(f"Data download failed:Line {number} of the augmented manifest {where} {problem}.")
