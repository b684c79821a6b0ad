"""Room runtime: what a training job finds of the warm pool that an earlier one left (machines/warm_pools.py). In: a
Look. Out: the pool's name; staged files and the persistent cache, moved over.

The row of the job that left the pool says who took it, and is written first; so nobody else takes it, and doing it
again after a crash goes on with the same pool. Moving is renaming. A staged file is used again only if nobody has
touched it since it was staged: the kernel sets the time of change (ctime) whatever a job does to it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from stepwell.base import clock
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.container import collecting, tidying
from stepwell.container.objects import Objects, StoredObject
from stepwell.container.placement import below
from stepwell.container.training import CACHE, DATA
from stepwell.machines import job_progress, warm_pools
from stepwell.runtime import job_folders, job_records
from stepwell.runtime.job_folders import JobFolder
from stepwell.runtime.job_looks import Look
from stepwell.runtime.job_records import Record
from stepwell.services.registry import Site
from stepwell.store import resources
from stepwell.store.database import Transaction

LEAST_SECONDS = 1.0
"""A pool that ends sooner is not taken: it may be removed already."""
STAGED = "staged.json"

Sight = tuple[int, int, int, int]
"""How a file looks when nobody touches it: inode, size, times of modification and of change."""


def take(site: Site, pools: Collection[str], look: Look, now: float) -> str | None:
    """The ARN of the pool, of `pools`, that is the job's from here on; None when none fits. Raises OSError."""
    if look.record.kind.name != "training":
        return None
    for arn in pools:
        with site.database.write() as transaction:
            left = _taken(transaction, arn, look, now)
        if left is not None:
            source = job_folders.folder(site.data, arn, left.job.attempt)
            move(source, look.place, look.plan().hosts)
            with site.database.write() as transaction:
                site.wake(transaction, "job", arn, now)
            return arn
    return None


def _taken(transaction: Transaction, arn: str, look: Look, now: float) -> Record | None:
    """The job that left the pool of that ARN, if the pool can be taken; then it is."""
    row = resources.find(transaction.connection, job_records.key_of(arn))
    if row is None:
        return None
    left, name = job_records.record(arn, row), look.record.name
    if left.job.phase != "Warm" or left.job.deleting or _place(left.scope) != _place(look.scope):
        return None
    if left.job.reused_by:
        return left if left.job.reused_by == name else None
    if now > (left.job.warm_until or 0.0) - LEAST_SECONDS or not warm_pools.fits(row.document, look.record.document):
        return None
    progress = {**row.document[job_progress.MEMBER], "reused_by": name, "claim": None}
    reused = warm_pools.status("Reused", now - row.document["TrainingEndTime"], name)
    resources.save(transaction, row.with_changes(now, Progress=progress, WarmPoolStatus=reused))
    return left


def _place(scope: Scope) -> tuple[str, str]:
    return scope.account, scope.region


def move(source: JobFolder, target: JobFolder, hosts: Sequence[str]) -> None:
    """Move what is kept of a pool, as far as it is not moved yet. What the job left is not trusted: links are not
    followed."""
    for host in hosts:
        root, kept = source.opt_ml(host), target.warm / host
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        for inside, name in ((DATA, "data"), (CACHE, "cache")):
            folder = below(root, inside)
            if collecting.is_plain_folder(root, folder) and not (kept / name).exists():
                folder.rename(kept / name)
    with suppress(FileNotFoundError):
        source.staged.rename(target.warm / STAGED)


@dataclass(slots=True)
class PooledObjects:
    """Takes objects from a warm pool that has them, and notes what was placed. Meets container.objects.Objects."""

    objects: Objects
    pool: dict[str, list[tuple[Path, Sight]]]
    """By content: files that hold it."""
    placed: dict[Path, str] = field(default_factory=dict)
    reused: list[Path] = field(default_factory=list)

    def under(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        return self.objects.under(bucket, prefix)

    def read(self, item: StoredObject) -> bytes:
        return self.objects.read(item)

    def place(self, item: StoredObject, target: Path) -> None:
        if self._reuse(item, target):
            self.reused.append(target)
        else:
            self.objects.place(item, target)
        self.placed[target] = item.content

    def put(self, bucket: str, key: str, source: Path) -> None:
        self.objects.put(bucket, key, source)

    def give(self, bucket: str, key: str, source: Path) -> None:
        self.objects.give(bucket, key, source)

    def _reuse(self, item: StoredObject, target: Path) -> bool:
        files = self.pool.get(item.content, [])
        while item.content and files:
            try:
                path, seen = files.pop()
            except IndexError:  # another thread was faster
                return False
            if _sight(path) == seen and not target.exists():
                path.rename(target)
                return True
        return False


def objects_of(look: Look, objects: Objects) -> PooledObjects | None:
    """`objects`, with what the job has of a pool; None when it neither has nor leaves one."""
    place = look.place
    if not place.warm.exists() and warm_pools.keep_alive(look.record.document) is None:
        return None
    pool: dict[str, list[tuple[Path, Sight]]] = {}
    for content, host, relative, *sight in _read(place.warm / STAGED).get("files", ()):
        pool.setdefault(content, []).append((place.warm / host / "data" / relative, tuple(sight)))
    return PooledObjects(objects, pool)


def spare(place: JobFolder, hosts: Sequence[str]) -> None:
    """Bring the cache out of a /opt/ml that is made anew."""
    for host in hosts:
        kept, cache = place.warm / host / "cache", below(place.opt_ml(host), CACHE)
        if place.warm.exists() and cache.is_dir() and not kept.exists():
            kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            cache.rename(kept)


def settle(look: Look, pooled: PooledObjects, hosts: Sequence[str]) -> None:
    """Everything is staged: give the job the cache, and write down what a later job may use again."""
    place = look.place
    if warm_pools.keep_alive(look.record.document) is not None:
        since = _read(place.warm / STAGED).get("since", clock.now())
        _write(place.staged, {"since": since, "files": list(_files(pooled, place, hosts))})
        for host in hosts:
            kept, cache = place.warm / host / "cache", below(place.opt_ml(host), CACHE)
            cache.parent.mkdir(parents=True, exist_ok=True)
            if kept.is_dir() and not cache.exists():
                kept.rename(cache)


def _files(pooled: PooledObjects, place: JobFolder, hosts: Sequence[str]) -> Iterator[tuple[object, ...]]:
    for host in hosts:
        data = below(place.opt_ml(host), DATA)
        for path, content in pooled.placed.items():
            seen = _sight(path) if content and path.is_relative_to(data) else None
            if seen is not None:
                yield (content, host, str(path.relative_to(data)), *seen)


def let_go(place: JobFolder) -> None:
    """Nothing more is wanted of the pool."""
    tidying.remove(place.warm)


def until(look: Look, now: float) -> float | None:
    """Until when the job's instances are kept, when it ends `now`; None: they are not."""
    seconds = warm_pools.keep_alive(look.record.document)
    if look.record.kind.name != "training" or seconds is None:
        return None
    since = float(_read(look.place.staged).get("since", now))
    return min(now + seconds, since + warm_pools.LONGEST_SECONDS)


def _sight(path: Path) -> Sight | None:
    try:
        seen = os.lstat(path)
    except OSError:
        return None
    return seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns


def _read(path: Path) -> Document:
    try:
        found = json.loads(path.read_text("utf-8", "surrogateescape"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, document: Document) -> None:
    draft = path.with_name(f"{path.name}.new")
    draft.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft.write_text(json.dumps(document), "utf-8")
    draft.rename(path)
