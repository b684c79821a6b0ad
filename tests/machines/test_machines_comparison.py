"""Whether two runs left the same: what counts, and what does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stepwell.machines.comparison import WHOLE, Content, Difference, Member, compare

FILE = Member("file", 0o644, 3, "aaa", header=(("the time", "1"), ("the owner", "0:0")))
LINK = Member("link", target="model")


def content(blob: str = "one", header: tuple[tuple[str, str], ...] = (), **members: Member) -> Content:
    return Content(blob, 9, members, header)


def holding(blob: str, members: dict[str, Member]) -> Content:
    return Content(blob, 9, members)


@pytest.mark.parametrize(
    ("before", "after", "difference"),
    [
        (FILE, replace(FILE, digest="bbb"), ("bytes", "3 bytes", "3 bytes")),
        (FILE, replace(FILE, size=4, digest="bbb"), ("bytes", "3 bytes", "4 bytes")),
        (FILE, replace(FILE, mode=0o755), ("mode", "0644", "0755")),
        (FILE, replace(FILE, mode=0o755, digest="bbb"), ("bytes", "3 bytes", "3 bytes")),
        (FILE, LINK, ("kind", "file", "link")),
        (FILE, Member("folder", 0o644), ("kind", "file", "folder")),
        (LINK, replace(LINK, target="/etc/passwd"), ("link", "model", "/etc/passwd")),
        (FILE, None, ("missing", "", "")),
        (None, FILE, ("new", "", "")),
    ],
)
def test_what_counts(before: Member | None, after: Member | None, difference: tuple[str, str, str]) -> None:
    one = holding("one", {"same": FILE} | ({"x": before} if before else {}))
    other = holding("two", {"same": FILE} | ({"x": after} if after else {}))
    found = compare(one, other)
    assert (found.verdict, found.members) == ("differs", 2)
    assert found.differences == (Difference("x", *difference),)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "after", "notes"),
    [
        (content(a=FILE), content("two", a=replace(FILE, header=(("the time", "2"),))), "the time of a"),
        (content(header=(("gzip time", "1"),), a=FILE), content("two", a=FILE), "gzip time of the archive"),
        (content(a=FILE), content("two", a=FILE), "how it was compressed or padded"),
    ],
)
def test_what_does_not_count_is_named(before: Content, after: Content, notes: str) -> None:
    found = compare(before, after)
    assert (found.verdict, found.differences) == ("same content", ())
    assert notes in found.notes


def test_many_members_are_summed_up() -> None:
    later = replace(FILE, header=(("the time", "2"), ("the owner", "0:0")))
    names = [f"m{number}" for number in range(9)]
    found = compare(holding("one", dict.fromkeys(names, FILE)), holding("two", dict.fromkeys(names, later)))
    assert found.notes == ("the time of m0, m1, m2 and 6 more",)


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [(None, None, "identical"), (None, content(a=FILE), "differs"), (content(a=FILE), None, "differs")],
)
def test_objects_that_are_not_there(before: Content | None, after: Content | None, verdict: str) -> None:
    assert compare(before, after).verdict == verdict


def test_one_blob_is_one_content() -> None:
    assert compare(content(a=FILE), content(a=replace(FILE, digest="never looked at"))).verdict == "identical"


def test_what_is_no_archive_is_one_member() -> None:
    assert not Content("x", 3, {WHOLE: FILE}).is_archive
    assert content(a=FILE).is_archive
