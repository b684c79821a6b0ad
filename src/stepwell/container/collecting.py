"""Room container: takes what a container left to S3. In: a Plan's outputs and the hosts' trees. Out: objects.

The tree was written by the job, so nothing in it is trusted: links are never followed (not even on the way to an
output's folder), and only regular files are taken; what is skipped is reported. The job's processes are all gone
when this runs, so a path that was looked at stays what it was.
"""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stepwell.container.objects import Objects, StorageRefused
from stepwell.container.packing import Packer
from stepwell.container.placement import below
from stepwell.container.plan import Output, Refusal

COPIED = 1 << 20
"""Bytes of a file that are read at once."""
MOST_REPORTS = 100
"""Of so many files of an output it is said that they are left out."""
SHOWN = 200
"""Characters that are shown of a path that is too long."""
LONGEST_PATH = 4095
"""Bytes of a path that can be opened (PATH_MAX of Linux without the end)."""

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Found:
    """A regular file (or an empty directory) of an output. `relative` has `/` between its parts."""

    path: Path
    relative: str
    is_folder: bool = False


def collect(
    outputs: Sequence[Output], roots: Sequence[Path], objects: Objects, scratch: Path, report: Report
) -> None:
    """Upload `outputs` from every host's tree; `scratch` is a folder for archives. Raises Refusal."""
    for output in outputs:
        found = (each for root in roots for each in _found(root, output, report))
        try:
            if output.archive:
                _upload_archive(output, list(found), objects, scratch)
            else:
                _upload_files(output, found, objects)
        except StorageRefused as error:
            raise Refusal(
                f'Failed to upload output "{output.name}" to {output.location}: {error.code}: {error.message}'
            ) from error


def _found(root: Path, output: Output, report: Report) -> Iterator[Found]:
    source = below(root, output.source)
    if not is_plain_folder(root, source):
        report(f'Output "{output.name}": {output.source} is not a directory; nothing is uploaded from it.')
        return
    yield from walk(source, _Skipped(output.name, report))


@dataclass(slots=True)
class _Skipped:
    """Reports what is left out, but not without end: a job may leave a million links."""

    output: str
    report: Report
    left: int = MOST_REPORTS

    def __call__(self, relative: str, why: str) -> None:
        self.left -= 1
        if self.left >= 0:
            self.report(f'Output "{self.output}": skipped {relative}: {why}.')
        elif self.left == -1:
            self.report(f'Output "{self.output}": more is skipped, which is not listed.')


def is_plain_folder(root: Path, source: Path) -> bool:
    """Whether `source` and everything between it and `root` is a directory and not a link."""
    try:
        return all(
            stat.S_ISDIR(part.lstat().st_mode) for part in (source, *source.parents) if part.is_relative_to(root)
        )
    except OSError:
        return False


def walk(folder: Path, skipped: Callable[[str, str], None]) -> Iterator[Found]:
    """Regular files and empty directories below `folder`, sorted by path; links and other things are `skipped`."""
    pending = [(folder, "")]
    while pending:
        here, prefix = pending.pop()
        _make_readable(here, 0o700)
        entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        if not entries and prefix:
            yield Found(here, prefix.rstrip("/"), is_folder=True)
        inner = []
        for entry in entries:
            relative = prefix + entry.name
            if len(os.fsencode(entry.path)) > LONGEST_PATH:
                skipped(f"{relative[:SHOWN]}…", "its path is too long")
            elif entry.is_symlink():
                skipped(relative, "it is a symbolic link")
            elif entry.is_dir(follow_symlinks=False):
                inner.append((Path(entry.path), f"{relative}/"))
            elif entry.is_file(follow_symlinks=False):
                _make_readable(Path(entry.path), 0o600)
                yield Found(Path(entry.path), relative)
            else:
                skipped(relative, "it is neither a file nor a directory")
        pending.extend(reversed(inner))


def _make_readable(path: Path, mode: int) -> None:
    """Jobs are root in their container and may leave what nobody else can read."""
    if not os.access(path, os.R_OK | os.X_OK if mode & 0o100 else os.R_OK):
        path.chmod(mode)


def _upload_files(output: Output, found: Iterable[Found], objects: Objects) -> None:
    for each in found:
        if each.is_folder:
            continue
        try:
            each.relative.encode()
        except UnicodeEncodeError:
            raise Refusal(
                f'Failed to upload output "{output.name}": the file name {os.fsencode(each.relative)!r} is not UTF-8.'
            ) from None
        where = output.location.below(each.relative)
        objects.put(where.bucket, where.key, each.path)


def _upload_archive(output: Output, found: Sequence[Found], objects: Objects, scratch: Path) -> None:
    if not found and not output.even_if_empty:
        return
    scratch.mkdir(exist_ok=True)
    archive = scratch / f"{output.name}.tar.gz"
    write_archive(found, archive)
    objects.give(output.location.bucket, output.location.key, archive)
    archive.unlink(missing_ok=True)


def write_archive(found: Sequence[Found], target: Path) -> None:
    """A tar.gz of these files, of two with one name the first. The same files give the same bytes: members are
    sorted, the gzip header has no time."""
    first = {each.relative: each for each in reversed(found)}
    with (
        target.open("wb") as raw,
        Packer(raw) as packed,
        # It writes, and asks where it is; nothing else.
        tarfile.TarFile(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT, copybufsize=COPIED) as archive,  # type: ignore[arg-type]
    ):
        for relative in sorted(first):
            archive.add(first[relative].path, relative, recursive=False, filter=_as_root)


def _as_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Owned as the container saw it; on this machine the files may belong to whoever runs the server."""
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member
