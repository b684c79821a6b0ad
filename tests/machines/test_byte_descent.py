"""Which jobs descend from which: by their bytes, in the order of time."""

from __future__ import annotations

import math

import pytest

from stepwell.machines import byte_descent
from stepwell.machines.byte_descent import Held, Job, Jobs, known


def held(uri: str, blob: str, size: int = 1) -> Held:
    return Held(f"s3://b/{uri}", blob, size)


def job(name: str, began: float, reads: list[Held], writes: list[Held], ended: float | None = None) -> Job:
    return Job(name, began, began + 1 if ended is None else ended, tuple(reads), tuple(writes))


RAW, CLEAN, MODEL = held("raw", "r"), held("clean", "c"), held("model", "m")
PREPARE = job("prepare", 1, [RAW], [CLEAN])
TRAIN = job("train", 3, [CLEAN], [MODEL])
JUDGE = job("judge", 5, [MODEL, RAW], [held("report", "j")])
JOBS = known([JUDGE, PREPARE, TRAIN])


def names(found: object) -> list[str]:
    return [each if isinstance(each, str) else each.arn for each in found]  # type: ignore[attr-defined]


def test_ancestors_and_descendants() -> None:
    assert names(byte_descent.ancestors(JOBS, [JUDGE])) == ["judge", "train", "prepare"]
    assert names(byte_descent.descendants(JOBS, [RAW])) == ["prepare", "judge", "train"]
    assert names(byte_descent.descendants(JOBS, [], [TRAIN])) == ["judge"]
    assert names(byte_descent.descendants(JOBS, [held("raw", "other")])) == []


def test_who_made_what_a_descendant_read() -> None:
    found = byte_descent.descendants(JOBS, [RAW])
    assert {name: (each.through.blob, each.maker) for name, each in found.items()} == {
        "prepare": ("r", ""),
        "train": ("c", "prepare"),
        "judge": ("r", ""),
    }


@pytest.mark.parametrize(
    ("wanted", "before", "makers"),
    [
        (held("x", "same"), None, ["late", "early", "elsewhere"]),
        (held("x", "same"), job("reader", 2, [], []), ["early", "elsewhere"]),
        (held("y", "same"), None, ["elsewhere", "late", "early"]),
        (held("x", "none"), None, []),
        (held("x", "empty", 0), None, ["empty there"]),
        (held("z", "empty", 0), None, []),
    ],
)
def test_who_made_bytes(wanted: Held, before: Job | None, makers: list[str]) -> None:
    jobs = known(
        [
            job("early", 1, [], [held("x", "same")]),
            job("elsewhere", 2, [], [held("y", "same")]),
            job("late", 3, [], [held("x", "same")]),
            job("empty there", 4, [], [held("x", "empty", 0)]),
        ]
    )
    assert names(byte_descent.makers(jobs, wanted, before)) == makers


def test_a_job_does_not_descend_from_itself_or_from_what_came_later() -> None:
    loop = job("loop", 1, [held("x", "s")], [held("x", "s")])
    later = job("later", 2, [], [held("x", "s")])
    jobs = known([loop, later])
    assert names(byte_descent.ancestors(jobs, [loop])) == ["loop"]
    assert names(byte_descent.descendants(jobs, [], [loop])) == []
    assert names(byte_descent.descendants(jobs, [held("x", "s")])) == ["loop"]


def test_an_empty_object_is_only_what_it_is_where_it_lies() -> None:
    jobs = known([job("here", 1, [held("x", "e", 0)], []), job("there", 1, [held("y", "e", 0)], [])])
    assert names(byte_descent.descendants(jobs, [held("x", "e", 0)])) == ["here"]


@pytest.mark.parametrize(
    ("uri", "moment", "writers"),
    [
        ("s3://b/m", 0, []),
        ("s3://b/m", 3, ["first"]),
        ("s3://b/m", 5, ["under way", "first"]),
        ("s3://b/m", 20, ["second", "under way", "first"]),
        ("s3://b/folder", 20, ["below"]),
        ("s3://b/fold", 20, []),
        ("s3://b/zzz/", 20, []),
    ],
)
def test_who_wrote_what_lay_somewhere_at_a_time(uri: str, moment: float, writers: list[str]) -> None:
    jobs: Jobs = known(
        [
            job("first", 1, [], [held("m", "1")]),
            job("under way", 4, [], [held("m", "2")], math.inf),
            job("second", 6, [], [held("m", "3")], math.inf),
            job("below", 7, [], [held("folder/m", "4")]),
        ]
    )
    assert names(byte_descent.last_writers(jobs, uri, moment)) == writers


def test_what_jobs_saw_somewhere() -> None:
    jobs = known([job("one", 1, [held("folder/x", "a")], [held("folder", "b"), held("folderx", "c")], 9)])
    seen = byte_descent.seen_at(jobs, "s3://b/folder")
    assert [(moment, each.blob) for moment, each in seen] == [(9, "b"), (1, "a")]
    assert [each.blob for _, each in byte_descent.seen_at(jobs, "s3://b/folder/")] == ["a"]
    assert {each.blob for _, each in byte_descent.seen_at(jobs, "s3://b/")} == {"a", "b", "c"}


def test_an_object_that_is_called_as_a_folder_is_seen_once() -> None:
    jobs = known([job("one", 1, [held("folder/", "a")], [])])
    assert [each.blob for _, each in byte_descent.seen_at(jobs, "s3://b/folder/")] == ["a"]
    assert names(byte_descent.descendants(jobs, [held("other/", "a", 0)])) == []
