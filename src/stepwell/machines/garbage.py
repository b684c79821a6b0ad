"""Room machines: whether a blob is needed, and why. In: who names which blobs. Out: a reason for each blob.

The rules and why they are safe: docs/gc.md, docs/decisions/0031.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Literal

Reason = Literal[
    "object", "upload", "package", "recent job", "let go just now", "new", "old job", "let go", "unnamed"
]
NEEDED: tuple[Reason, ...] = ("object", "upload", "package", "recent job", "let go just now", "new")
"""Reasons to keep a blob, in the order in which the first that holds is given."""
NOT_NEEDED: tuple[Reason, ...] = ("old job", "let go", "unnamed")
"""What blobs were that nothing needs."""


@dataclass(frozen=True, slots=True)
class Names:
    """Blobs by who names them."""

    objects: Set[str] = frozenset()
    """Versions of objects."""
    uploads: Set[str] = frozenset()
    """Parts of uploads under way."""
    packages: Set[str] = frozenset()
    """Jobs that a model package descends from."""
    recent: Set[str] = frozenset()
    """Jobs that are young enough."""
    released_just_now: Set[str] = frozenset()
    """Rows that are gone, but who read them may still come for the bytes."""
    old: Set[str] = frozenset()
    """Any other job."""
    released: Set[str] = frozenset()
    """Rows that went some time ago."""


def reason(blob: str, wanted: float, names: Names, limit: float) -> Reason:
    """Why that blob is kept, or what it was. `wanted` is when it was last put, `limit` since when is just now (epoch
    seconds)."""
    named: tuple[tuple[Set[str], Reason], ...] = (
        (names.objects, "object"),
        (names.uploads, "upload"),
        (names.packages, "package"),
        (names.recent, "recent job"),
        (names.released_just_now, "let go just now"),
    )
    for blobs, why in named:
        if blob in blobs:
            return why
    if wanted >= limit:
        return "new"
    if blob in names.old:
        return "old job"
    return "let go" if blob in names.released else "unnamed"
