"""Room runtime: keeps the worlds of failed jobs, so that they can be looked at again. In: a failed job's Look. Out:
its folder stays, with `world.json` in it; the oldest that are too many go.

A world is everything that the containers left: /opt/ml, the private root and the Python layer of every host. It is
kept while its folder holds `world.json`; `jobs/kept/` has an entry for each, so that the oldest are found without
looking at every job. Everything may be cut off and done again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from stepwell.base import clock
from stepwell.base.documents import Document
from stepwell.container import layout
from stepwell.container.plan import Refusal
from stepwell.images import layers
from stepwell.runtime import job_folders
from stepwell.runtime.job_containers import Retention, Surroundings
from stepwell.runtime.job_folders import JobFolder
from stepwell.runtime.job_looks import Look
from stepwell.runtime.job_tools import IMAGE_PROBLEMS, Report

MOST_FILES = 100_000
"""A world of more files is not kept: removing it later would take long."""
SECRET = re.compile(r"SECRET|TOKEN|PASSW|CREDENTIAL|ACCESS_KEY|API_?KEY|PRIVATE", re.IGNORECASE)
"""Variables with such names are not written down."""


class _TooMany(Exception):
    """It has more than MOST_FILES files."""


def keep(look: Look, reason: str, surroundings: Surroundings, report: Report) -> None:
    """Keep the world of a job that failed, if it is within the limit, and let go of the oldest for it. Raises OSError
    when it cannot; that must not change how the job ends."""
    place, limit = look.place, surroundings.retention
    if limit.worlds < 1 or place.is_kept:
        return
    try:
        size = _size(place.root)
    except _TooMany:
        report(f"What the containers left is not kept: it has more than {MOST_FILES} files.")
        return
    if size > limit.bytes:
        report(f"What the containers left is not kept: it has {size} bytes, and {limit.bytes} may be kept.")
        return
    free = shutil.disk_usage(place.root).free
    if size > free:
        report(f"What the containers left is not kept: it has {size} bytes, and the disk has room for {free}.")
        return
    index = place.kept_entry
    index.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    index.write_text(str(size))
    place.world.write_text(json.dumps({**_described(look, reason, surroundings), "Bytes": size}, indent=1))
    prune(index.parent, limit)


def prune(kept: Path, limit: Retention) -> None:
    """Let go of worlds, oldest first, until the others are within the limit. `kept` has an entry for each."""
    room, count = limit.bytes, limit.worlds
    for entry in sorted(kept.iterdir(), key=_age, reverse=True):
        with suppress(OSError):  # somebody else removes it; what stays is tried again with the next world
            room, count = room - int(entry.read_text() or 0), count - 1
            if room < 0 or count < 0:
                _let_go(entry)


def _age(entry: Path) -> int:
    try:
        return entry.stat().st_mtime_ns
    except OSError:
        return 0


def _let_go(entry: Path) -> None:
    name, _, attempt = entry.name.rpartition("-")
    place = JobFolder(entry.parent.parent / name, int(attempt))
    place.world.unlink(missing_ok=True)
    place.empty()
    entry.unlink(missing_ok=True)


def _size(root: Path) -> int:
    return sum(_sizes(root))


def _sizes(root: Path) -> Iterator[int]:
    pending, found = [str(root)], 0
    while pending:
        with suppress(PermissionError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                found += 1
                if found > MOST_FILES:
                    raise _TooMany
                yield entry.stat(follow_symlinks=False).st_blocks * 512
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)


def _described(look: Look, reason: str, surroundings: Surroundings) -> Document:
    """What is needed to open it again, besides the job's row."""
    state, plan = look.record, look.plan()
    found: Document = {
        "Arn": state.arn,
        "Image": plan.image,
        "Hosts": list(plan.hosts),
        "Network": plan.network,
        "FailureReason": reason,
        "KeptTime": clock.now(),
        "Folder": job_folders.OPT_ML,
    }
    with suppress(Refusal, *IMAGE_PROBLEMS):
        image = look.image()
        environment = look.environment or look.common.environment(image.recipe)
        entries = layers.path_entries(environment) if environment is not None else ()
        variables = layout.variables(plan, image.variables, entries, look.stored.key.region)
        shown = {**surroundings.environment, **variables}
        found["Recipe"] = image.recipe
        found["Command"] = list(state.kind.command(image, state.document[state.kind.specification]))
        found["Environment"] = {name: value for name, value in shown.items() if not SECRET.search(name)}
    return found
