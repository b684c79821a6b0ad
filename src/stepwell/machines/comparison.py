"""Room machines: whether two runs left the same. In: what is in two objects. Out: what differs, member by member.

What counts is what a reader of the files would see: names, bytes, permissions, where links lead. What the archive
says besides (times, owners, the gzip header, the order of members) is named, and is no difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["file", "folder", "link", "other"]
What: TypeAlias = Literal["bytes", "mode", "kind", "link", "missing", "new"]
Verdict: TypeAlias = Literal["identical", "same content", "differs"]

WHOLE = ""
"""The name of the member that an object is which is no archive."""
MOST_NOTES = 3


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of an archive. `digest` is the SHA-256 of a file's bytes; `target` is where a link leads."""

    kind: Kind
    mode: int = 0
    size: int = 0
    digest: str = ""
    target: str = ""
    header: tuple[tuple[str, str], ...] = ()
    """What does not count: time, owner."""


@dataclass(frozen=True, slots=True)
class Content:
    """An object. `members` holds one, WHOLE, for what is no archive."""

    blob: str
    size: int
    members: Mapping[str, Member]
    header: tuple[tuple[str, str], ...] = ()
    """What does not count of the archive itself: how it was compressed, in which order."""

    @property
    def is_archive(self) -> bool:
        return WHOLE not in self.members


@dataclass(frozen=True, slots=True)
class Difference:
    """One member that is not the same. `before` and `after` say it in a word or two."""

    member: str
    what: What
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Compared:
    """How two objects compare."""

    verdict: Verdict
    members: int
    """How many members there are in either."""
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = field(default=())
    """What is not the same and does not count."""


def compare(before: Content | None, after: Content | None) -> Compared:
    """None: there is no such object."""
    if before is None or after is None:
        what: What = "new" if before is None else "missing"
        return Compared("differs", 0, (Difference(WHOLE, what),)) if before is not after else Compared("identical", 0)
    names = sorted({*before.members, *after.members})
    if before.blob == after.blob:
        return Compared("identical", len(names))
    found = tuple(each for name in names for each in _different(name, before.members, after.members))
    if found:
        return Compared("differs", len(names), found)
    notes = tuple(_notes(before, after))
    return Compared("same content" if notes else "identical", len(names), (), notes)


def _different(name: str, before: Mapping[str, Member], after: Mapping[str, Member]) -> Iterator[Difference]:
    one, other = before.get(name), after.get(name)
    if one is None or other is None:
        yield Difference(name, "new" if one is None else "missing")
    elif one.kind != other.kind:
        yield Difference(name, "kind", one.kind, other.kind)
    elif one.target != other.target:
        yield Difference(name, "link", one.target, other.target)
    elif one.digest != other.digest or one.size != other.size:
        yield Difference(name, "bytes", f"{one.size} bytes", f"{other.size} bytes")
    elif one.mode != other.mode:
        yield Difference(name, "mode", f"{one.mode:04o}", f"{other.mode:04o}")


def _notes(before: Content, after: Content) -> Iterator[str]:
    """What differs in headers, one line for each field, with the members in which it does."""
    fields: dict[str, list[str]] = {}
    for name, member in before.members.items():
        theirs = dict(after.members[name].header)
        for key, value in member.header:
            if theirs.get(key) != value:
                fields.setdefault(key, []).append(name)
    for key, names in fields.items():
        shown = ", ".join(names[:MOST_NOTES])
        more = f" and {len(names) - MOST_NOTES} more" if len(names) > MOST_NOTES else ""
        yield f"{key} of {shown}{more}"
    archive = dict(after.header)
    for key, value in before.header:
        if archive.get(key) != value:
            yield f"{key} of the archive"
    if not fields and before.header == after.header:
        yield "how it was compressed or padded"
