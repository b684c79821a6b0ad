"""Jobs: every phase with every wish of a client, every event in every phase, and how ends become statuses."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.base.documents import Document
from stepwell.machines import job as machine
from stepwell.machines import job_progress
from stepwell.machines.job import Effect, Event, IllegalMove, Job, Phase, decide, evolve
from stepwell.machines.job_history import with_transition
from stepwell.machines.job_outcomes import (
    NOT_UTF8,
    OUT_OF_MEMORY,
    PLATFORM_FAILED,
    HostEnd,
    Kind,
    Verdict,
    verdict_of,
)
from stepwell.machines.job_queue import Claim, Room
from stepwell.machines.job_waiting import Limit, Wait

NOW = 1000.0
CLAIM = Claim("arn:a", "arn:execution", Room(2, 4))
PHASES: tuple[Phase, ...] = get_args(Phase)
STOPPED = Verdict("Stopped")
COMPLETED = Verdict("Completed")
FAILED = Verdict("Failed", "AlgorithmError: x")

EVENTS: dict[type[Event], Event] = {
    machine.Queued: machine.Queued(CLAIM, Wait(NOW)),
    machine.Admitted: machine.Admitted(CLAIM),
    machine.Prepared: machine.Prepared(),
    machine.Downloaded: machine.Downloaded(),
    machine.Launched: machine.Launched(),
    machine.Refused: machine.Refused("ClientError: no"),
    machine.Ended: machine.Ended((HostEnd("algo-1", code=0),)),
    machine.Uploaded: machine.Uploaded(),
    machine.Finished: machine.Finished(STOPPED),
    machine.Cleaned: machine.Cleaned(),
    machine.Erased: machine.Erased(),
}


@pytest.mark.parametrize(
    ("phase", "going_on", "stopping"),
    [
        ("Arriving", (machine.Ask(),), (machine.Finish(STOPPED),)),
        ("Queued", (machine.Ask(),), (machine.Finish(STOPPED),)),
        ("Preparing", (machine.Prepare(),), (machine.Finish(STOPPED),)),
        ("Downloading", (machine.Download(),), (machine.Finish(STOPPED),)),
        ("Launching", (machine.Launch(),), (machine.Stop(), machine.Launch())),
        ("Running", (machine.Observe(),), (machine.Stop(), machine.Observe())),
        ("Uploading", (machine.Upload(COMPLETED),), (machine.Upload(COMPLETED),)),
        ("Cleaning", (machine.Clean(),), (machine.Clean(),)),
        ("Over", (), ()),
    ],
)
def test_what_is_done_in_each_phase(phase: Phase, going_on: tuple[Effect, ...], stopping: tuple[Effect, ...]) -> None:
    assert decide(Job("training", phase, verdict=COMPLETED), NOW) == going_on
    assert decide(Job("training", phase, stopping=True, verdict=COMPLETED), NOW) == stopping


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("stopping", [False, True])
@pytest.mark.parametrize(
    ("until", "limit", "verdict"),
    [
        (None, "MaxWaitTimeInSeconds", None),
        (NOW + 0.001, "MaxWaitTimeInSeconds", None),
        (NOW, "MaxWaitTimeInSeconds", Verdict("Stopped", waited_out=True)),
        (NOW - 1, "MaxWaitTimeInSeconds", Verdict("Stopped", waited_out=True)),
        (NOW, "MaxPendingTimeInSeconds", STOPPED),
    ],
)
def test_only_who_waits_for_room_gives_up(
    phase: Phase, stopping: bool, until: float | None, limit: Limit, verdict: Verdict | None
) -> None:
    job = Job("training", phase, stopping=stopping, verdict=COMPLETED, claim=CLAIM, wait=Wait(1.0, until, limit))
    without = decide(replace(job, wait=None), NOW)
    gives_up = phase == "Queued" and not stopping and verdict is not None
    assert decide(job, NOW) == ((machine.Finish(verdict),) if gives_up and verdict else without)


def test_what_a_job_claims_and_waits_for_is_noted() -> None:
    waiting = evolve(Job("training"), machine.Queued(CLAIM, Wait(NOW), "x"))
    assert (waiting.phase, waiting.claim, waiting.wait) == ("Queued", CLAIM, Wait(NOW))
    admitted = evolve(waiting, machine.Admitted(CLAIM))
    assert (admitted.phase, admitted.claim) == ("Preparing", CLAIM)
    assert evolve(Job("training"), machine.Admitted()).claim is None


@pytest.mark.parametrize("phase", PHASES)
def test_a_deleted_job_is_erased_only_when_it_is_over(phase: Phase) -> None:
    effects = decide(Job("training", phase, deleting=True, verdict=COMPLETED), NOW)
    assert (effects == (machine.Erase(),)) == (phase == "Over")


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("event", EVENTS.values(), ids=lambda event: type(event).__name__)
def test_events_move_as_the_table_says_or_not_at_all(phase: Phase, event: Event) -> None:
    following = machine.MOVES.get((phase, type(event)))
    if following is None:
        with pytest.raises(IllegalMove, match=f"{type(event).__name__} in phase {phase}"):
            evolve(Job("training", phase), event)
    else:
        assert evolve(Job("training", phase), event).phase == following


def test_every_phase_can_be_left_and_leads_to_the_end() -> None:
    reaching: set[str] = {"Over"}
    for _ in PHASES:
        reaching |= {phase for (phase, _), following in machine.MOVES.items() if following in reaching}
    assert reaching == set(PHASES)


def test_the_verdict_stands_from_the_end_of_the_containers_on() -> None:
    running = Job("training", "Running")
    assert evolve(running, machine.Ended((HostEnd("algo-1", code=0),))).verdict == COMPLETED
    refused = evolve(Job("training"), machine.Refused("ClientError: no"))
    assert refused.verdict == Verdict("Failed", "ClientError: no")
    assert evolve(Job("training"), machine.Finished(STOPPED)).verdict == STOPPED


@pytest.mark.parametrize(
    ("before", "failure", "stopping", "after"),
    [
        (COMPLETED, "", False, COMPLETED),
        (COMPLETED, "ClientError: no bucket", False, Verdict("Failed", "ClientError: no bucket")),
        (COMPLETED, "", True, STOPPED),
        (COMPLETED, "ClientError: no bucket", True, Verdict("Failed", "ClientError: no bucket")),
        (FAILED, "ClientError: no bucket", False, FAILED),
        (FAILED, "", True, FAILED),
        (STOPPED, "", True, STOPPED),
        (Verdict("Stopped", timed_out=True), "", True, Verdict("Stopped", timed_out=True)),
    ],
)
def test_the_upload_may_change_the_verdict(before: Verdict, failure: str, stopping: bool, after: Verdict) -> None:
    uploading = Job("training", "Uploading", stopping=stopping, verdict=before)
    assert evolve(uploading, machine.Uploaded(failure)).verdict == after


@pytest.mark.parametrize(
    ("attempt", "stopping", "phase"),
    [(1, False, "Preparing"), (2, False, "Preparing"), (3, False, "Uploading"), (1, True, "Uploading")],
)
def test_a_lost_container_is_tried_again_as_often_as_asked(attempt: int, stopping: bool, phase: Phase) -> None:
    before = Job("training", "Running", stopping=stopping, attempt=attempt, attempts=3)
    after = evolve(before, machine.Ended((HostEnd("algo-1", lost=True),)))
    assert after.phase == phase
    assert after.attempt == (attempt + 1 if phase == "Preparing" else attempt)


@pytest.mark.parametrize(
    ("ends", "phase"),
    [
        ([HostEnd("algo-1", stopped=True)], "Cleaning"),
        ([HostEnd("algo-1", code=127, error="not found")], "Cleaning"),
        ([HostEnd("algo-1", signal=15, stopped=True)], "Uploading"),
        ([HostEnd("algo-1", stopped=True), HostEnd("algo-2", code=0)], "Uploading"),
        ([HostEnd("algo-1", lost=True)], "Uploading"),
    ],
)
def test_only_what_ran_has_something_to_upload(ends: list[HostEnd], phase: Phase) -> None:
    after = evolve(Job("training", "Running", stopping=True), machine.Ended(tuple(ends)))
    assert after.phase == phase
    assert after.verdict is not None


def test_what_the_container_did_itself_is_not_tried_again() -> None:
    before = Job("training", "Running", attempts=3)
    assert evolve(before, machine.Ended((HostEnd("algo-1", code=1),))).phase == "Uploading"


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (COMPLETED, "Completed"),
        (FAILED, "Failed"),
        (STOPPED, "Stopped"),
        (Verdict("Stopped", timed_out=True), "MaxRuntimeExceeded"),
        (Verdict("Stopped", waited_out=True), "MaxWaitTimeExceeded"),
    ],
)
def test_the_last_secondary_status(verdict: Verdict, status: str) -> None:
    assert verdict.secondary_status == status
    history = with_transition(with_transition((), "Pending", 1.0, "for room"), status, 2.0)
    assert [entry["Status"] for entry in history] == ["Pending", status]
    assert history[0]["StatusMessage"] == "for room"
    assert history[1]["EndTime"] == 2.0
    assert history[1]["StatusMessage"]


def host(**how: object) -> HostEnd:
    return HostEnd("algo-1", **how)  # type: ignore[arg-type]


def failed(reason: str) -> Verdict:
    return Verdict("Failed", reason)


ALGORITHM = "AlgorithmError: "
SEE_LOGS = "AlgorithmError: See job logs for more information"
UNSTARTABLE = "ClientError: CannotStartContainerError. The container cannot be started: "


@pytest.mark.parametrize(
    ("kind", "hosts", "stopping", "verdict"),
    [
        ("training", [host(code=0)], False, COMPLETED),
        ("processing", [host(code=0), host(code=0)], False, COMPLETED),
        ("training", [host(code=3)], False, failed(ALGORITHM + ", exit code: 3")),
        ("training", [host(code=1, failure="Boom")], False, failed(ALGORITHM + "Boom, exit code: 1")),
        ("training", [host(signal=9)], False, failed(ALGORITHM + ", exit code: 137")),
        ("training", [host(signal=11)], False, failed(ALGORITHM + ", exit code: 139")),
        ("processing", [host(code=3)], False, failed(SEE_LOGS)),
        ("processing", [host(code=0), host(code=3)], False, failed(SEE_LOGS)),
        ("training", [host(signal=9, out_of_memory=True)], False, failed(OUT_OF_MEMORY)),
        ("training", [host(signal=15, timed_out=True)], False, Verdict("Stopped", timed_out=True)),
        ("training", [host(code=0, timed_out=True)], False, Verdict("Stopped", timed_out=True)),
        ("training", [host(signal=15, stopped=True)], True, STOPPED),
        ("training", [host(code=3, stopped=True)], True, STOPPED),
        ("training", [host(stopped=True)], True, STOPPED),
        ("training", [host(code=0)], True, STOPPED),
        ("training", [host(code=3)], True, failed(ALGORITHM + ", exit code: 3")),
        ("training", [host(lost=True)], False, failed(PLATFORM_FAILED)),
        ("training", [host(lost=True)], True, failed(PLATFORM_FAILED)),
        ("training", [host(signal=15, stopped=True), host(code=2)], False, failed(ALGORITHM + ", exit code: 2")),
        ("training", [host(code=0, message_is_text=False)], False, failed(NOT_UTF8)),
        ("training", [host(code=4, message_is_text=False)], False, failed(ALGORITHM + ", exit code: 4")),
        (
            "processing",
            [host(code=127, error="The command 'x' was not found.")],
            False,
            failed(UNSTARTABLE + "The command 'x' was not found."),
        ),
        (
            "processing",
            [host(error="no isolation")],
            False,
            failed(f"{PLATFORM_FAILED} The container could not be started: no isolation"),
        ),
    ],
)  # fmt: skip
def test_how_ends_become_statuses(kind: Kind, hosts: list[HostEnd], stopping: bool, verdict: Verdict) -> None:
    assert verdict_of(kind, hosts, stopping=stopping) == verdict


def test_a_long_failure_text_keeps_the_exit_code() -> None:
    reason = verdict_of("training", [host(code=7, failure="x" * 5000)], stopping=False).reason
    assert len(reason) == 1024
    assert reason.endswith("x, exit code: 7")


verdicts = st.none() | st.builds(
    Verdict, st.sampled_from(["Completed", "Failed", "Stopped"]), st.text(max_size=9), st.booleans(), st.booleans()
)
times = st.floats(0, 4e9)
rooms = st.builds(Room, st.floats(0, 512), st.floats(0, 1e13))
claims = st.none() | st.builds(Claim, st.text(max_size=9), st.text(max_size=9), rooms)
waits = st.none() | st.builds(Wait, times, st.none() | times, st.sampled_from(get_args(Limit)))
jobs = st.builds(
    Job, st.sampled_from(["processing", "training"]), st.sampled_from(PHASES), st.booleans(),
    st.integers(1, 9), st.integers(1, 9), st.booleans(), verdicts, claims, waits,
)  # fmt: skip


@given(jobs)
def test_what_is_written_down_is_read_back(before: Job) -> None:
    document: Document = {
        job_progress.MEMBER: job_progress.written(before),
        "RetryStrategy": {"MaximumRetryAttempts": before.attempts - 1},
    }
    status = "Stopping" if before.stopping else "InProgress"
    assert job_progress.read(before.kind, status, json.loads(json.dumps(document))) == before


def test_a_fresh_document_is_a_fresh_job_and_answers_show_no_progress() -> None:
    assert job_progress.read("training", "InProgress", {"RoleArn": "x"}) == Job("training")
    deleted = {"RoleArn": "x", job_progress.MEMBER: job_progress.deleted({"RoleArn": "x"})}
    assert job_progress.is_deleted(deleted)
    assert not job_progress.is_deleted({"RoleArn": "x"})
    assert job_progress.public(deleted) == {"RoleArn": "x"}


def test_every_transition_but_the_last_has_an_end() -> None:
    history = with_transition((), "Starting", 1.0)
    history = with_transition(history, "Downloading", 2.0)
    assert with_transition(history, "Downloading", 2.5) == history
    assert [entry.get("EndTime") for entry in history] == [2.0, None]
    history = with_transition(history, "Completed", 3.0)
    assert [(entry["StartTime"], entry["EndTime"]) for entry in history] == [(1.0, 2.0), (2.0, 3.0), (3.0, 3.0)]
    assert history[-1]["StatusMessage"] == "Training job completed"
