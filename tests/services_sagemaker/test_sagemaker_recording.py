"""What follows from resources is recorded once, in their order, whatever comes between."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from stepwell.base.arn import Scope
from stepwell.blobs.folder import Blobs
from stepwell.runtime.recorder import Recorder
from stepwell.services.registry import Site
from stepwell.services.sagemaker import recording
from stepwell.services.sagemaker.recorded import Recorded
from stepwell.store import resources, tables, unrecorded
from stepwell.store.database import Database
from stepwell.store.resources import Resource

__all__ = ["tables"]

SCOPE = Scope("123456789012", "us-east-1")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, SCOPE.account, "", Database(tmp_path / "db"), Blobs(tmp_path / "blobs"))


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []

    def note(recorded: Recorded) -> None:
        found.append((recorded.resource.name, recorded.resource.status))

    monkeypatch.setattr(recording, "RECORDERS", {"thing": (note,), "maker": (make_a_thing,), "bug": (fail, note)})
    return found


def make_a_thing(recorded: Recorded) -> None:
    resources.add(recorded.transaction, a_resource("made"))


def fail(recorded: Recorded) -> None:
    resources.add(recorded.transaction, a_resource("half-made"))
    raise RuntimeError("a bug")


def a_resource(name: str, kind: str = "thing") -> Resource:
    return Resource(resources.key(SCOPE, kind, name), "New", 1.0, 1.0, {})


def add(site: Site, *made: Resource) -> list[Resource]:
    with site.database.write() as transaction:
        return [resources.add(transaction, resource) for resource in made]


def left(site: Site) -> int | None:
    with site.database.read() as connection:
        return unrecorded.last(connection)


def test_changes_are_recorded_once_in_the_order_of_their_first(site: Site, seen: list[tuple[str, str]]) -> None:
    first, _ = add(site, a_resource("a"), a_resource("b"))
    with site.database.write() as transaction:
        resources.save(transaction, first.with_changes(2.0, status="Old"))
    recording.catch_up(site)
    recording.catch_up(site)
    assert seen == [("a", "Old"), ("b", "New")]


def test_a_later_change_is_recorded_again(site: Site, seen: list[tuple[str, str]]) -> None:
    (first,) = add(site, a_resource("a"))
    recording.catch_up(site)
    with site.database.write() as transaction:
        resources.save(transaction, first.with_changes(2.0, status="Old"))
    recording.catch_up(site)
    assert seen == [("a", "New"), ("a", "Old")]


def test_a_change_that_was_not_kept_is_not_recorded(site: Site, seen: list[tuple[str, str]]) -> None:
    with pytest.raises(ZeroDivisionError), site.database.write() as transaction:
        resources.add(transaction, a_resource("a"))
        raise ZeroDivisionError
    recording.catch_up(site)
    assert seen == []


def test_what_follows_from_what_follows_is_recorded_too(site: Site, seen: list[tuple[str, str]]) -> None:
    add(site, a_resource("m", "maker"))
    recording.catch_up(site)
    assert seen == [("made", "New")]
    assert left(site) is None


def test_what_is_gone_and_what_nobody_records_is_passed_over(site: Site, seen: list[tuple[str, str]]) -> None:
    gone, _ = add(site, a_resource("a"), a_resource("b", "other"))
    with site.database.write() as transaction:
        resources.remove(transaction, gone.key)
    recording.catch_up(site)
    assert seen == []
    assert left(site) is None


def test_a_crash_before_the_commit_records_again(
    site: Site, seen: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    add(site, a_resource("m", "maker"))
    last = left(site)
    assert last is not None
    with pytest.raises(ZeroDivisionError), site.database.write():
        recording.record_some(site, last)
        raise ZeroDivisionError
    assert left(site) == last
    recording.catch_up(site)
    assert seen == [("made", "New")]


def test_a_bug_with_one_does_not_keep_others(
    site: Site, seen: list[tuple[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    add(site, a_resource("x", "bug"), a_resource("a"))
    with caplog.at_level(logging.ERROR):
        recording.catch_up(site)
    assert "recording what follows from" in caplog.text
    assert seen == [("x", "New"), ("a", "New")]  # and no half-made


def test_the_thread_takes_a_few_at_a_time(site: Site, seen: list[tuple[str, str]]) -> None:
    recorder = Recorder(site)
    add(site, *(a_resource(f"{number:03}") for number in range(recording.TOGETHER + 1)))
    assert recorder.look()
    assert len(seen) == recording.TOGETHER
    assert recorder.look()
    assert not recorder.look()
    assert [name for name, _ in seen] == [f"{number:03}" for number in range(recording.TOGETHER + 1)]
