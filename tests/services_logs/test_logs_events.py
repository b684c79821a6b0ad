"""Putting, getting and filtering events, from rows and from files of jobs alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.base import clock
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.logs import batches, patterns, searches, stored_events
from stepwell.services.registry import Site
from stepwell.store import logs as log_rows

Logs = Callable[..., Document]
Fill = Callable[[str, list[tuple[int, str]]], None]
GROUP = "/aws/sagemaker/ProcessingJobs"


def refused(text: str, act: Callable[[], object]) -> None:
    with pytest.raises(Fault) as caught:
        act()
    assert caught.value.code == "InvalidParameterException"
    assert text in caught.value.message


@pytest.fixture(autouse=True)
def few_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_events, "ROWS", 3)


@pytest.fixture(params=["rows", "files", "mixed"])
def fill(request: pytest.FixtureRequest, site: Site, scope: Scope) -> Fill:
    """Fills a stream of the group with events, in each way there is."""
    made: list[str] = []

    def in_rows(stream: str, lines: list[tuple[int, str]]) -> None:
        with site.database.write() as transaction:
            log_rows.add_group(transaction, scope, GROUP, 1.0)
            group = log_rows.find_group(transaction.connection, scope, GROUP)
            assert group is not None
            log_rows.add_stream(transaction, group, stream, 1.0)
            row = log_rows.find_stream(transaction.connection, group, stream)
            assert row is not None
            if lines:
                log_rows.add_events(transaction, row, lines, 1)

    def in_a_file(stream: str, lines: list[tuple[int, str]]) -> None:
        path = site.data / stream.replace("/", "_")
        with path.open("a") as file:
            file.writelines(f"{time} {text}\n" for time, text in lines)
        with site.database.write() as transaction:
            log_rows.attach(transaction, scope, GROUP, stream, str(path), 1.0)

    def in_turn(stream: str, lines: list[tuple[int, str]]) -> None:
        if stream not in made:
            made.append(stream)
        (in_rows if made.index(stream) % 2 else in_a_file)(stream, lines)

    return {"rows": in_rows, "files": in_a_file, "mixed": in_turn}[request.param]


def get(logs: Logs, **params: object) -> Document:
    return logs("GetLogEvents", logGroupName=GROUP, logStreamName="s", **params)


def messages(answer: Document) -> list[str]:
    return [event["message"] for event in answer["events"]]


NUMBERS = [str(number) for number in range(10)]


@pytest.fixture
def ten(fill: Fill) -> None:
    """Ten events, one a second, from 1000 ms."""
    fill("s", [(1000 * (number + 1), str(number)) for number in range(10)])


@pytest.mark.usefixtures("ten")
@pytest.mark.parametrize("limit", [1, 3, 4, 10, 11])
def test_reading_forwards_ends_when_the_token_comes_back(logs: Logs, limit: int) -> None:
    found: list[str] = []
    token = "none yet"
    answer = get(logs, startFromHead=True, limit=limit)
    while answer["nextForwardToken"] != token:
        found += messages(answer)
        token = answer["nextForwardToken"]
        answer = get(logs, nextToken=token, limit=limit, startFromHead=True)
    assert found == NUMBERS
    assert answer["events"] == []


@pytest.mark.usefixtures("ten")
@pytest.mark.parametrize("limit", [1, 3, 4, 10, 11])
def test_reading_backwards_gives_pages_in_order_and_ends(logs: Logs, limit: int) -> None:
    found: list[str] = []
    token = "none yet"
    answer = get(logs, limit=limit)
    while answer["nextBackwardToken"] != token:
        found = messages(answer) + found
        token = answer["nextBackwardToken"]
        answer = get(logs, nextToken=token, limit=limit)
    assert found == NUMBERS


@pytest.mark.parametrize("limit", [2, 5, 10])
def test_events_of_one_millisecond_are_told_apart(logs: Logs, fill: Fill, limit: int) -> None:
    fill("s", [(1000, number) for number in NUMBERS])
    backwards = get(logs, limit=limit)
    assert messages(backwards) == NUMBERS[-limit:]
    again = get(logs, nextToken=backwards["nextBackwardToken"])
    assert messages(again) == NUMBERS[:-limit]
    forwards = get(logs, startFromHead=True, limit=limit)
    assert messages(get(logs, nextToken=forwards["nextForwardToken"])) == NUMBERS[limit:]


@pytest.mark.usefixtures("ten")
def test_one_may_turn_round(logs: Logs) -> None:
    tail = get(logs, limit=3)
    assert messages(tail) == ["7", "8", "9"]
    earlier = get(logs, nextToken=tail["nextBackwardToken"], limit=2)
    assert messages(earlier) == ["5", "6"]
    assert messages(get(logs, nextToken=earlier["nextForwardToken"], limit=2)) == ["7", "8"]
    assert get(logs, nextToken=tail["nextForwardToken"])["events"] == []


@pytest.mark.usefixtures("ten")
@pytest.mark.parametrize("head", [True, False])
@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, None, NUMBERS),
        (3000, None, NUMBERS[2:]),
        (3001, None, NUMBERS[3:]),
        (None, 3000, NUMBERS[:2]),
        (None, 3001, NUMBERS[:3]),
        (3000, 5000, NUMBERS[2:4]),
        (0, 10**12, NUMBERS),
        (10**12, None, []),
        (None, 1, []),
        (5000, 3000, []),
    ],
)
def test_times_bound_what_is_read(
    logs: Logs, head: bool, start: int | None, end: int | None, expected: list[str]
) -> None:
    bounds = {"startTime": start, "endTime": end}
    params = {name: value for name, value in bounds.items() if value is not None}
    answer = get(logs, startFromHead=head, **params)
    assert messages(answer) == expected
    assert get(logs, nextToken=answer["nextForwardToken"], **params)["events"] == []
    assert get(logs, nextToken=answer["nextBackwardToken"], **params)["events"] == []


@pytest.mark.usefixtures("ten")
def test_a_token_does_not_lead_out_of_the_bounds(logs: Logs) -> None:
    head = get(logs, startFromHead=True, limit=1)["nextForwardToken"]
    assert messages(get(logs, nextToken=head, startTime=5000, endTime=7000)) == ["4", "5"]
    tail = get(logs, limit=1)["nextBackwardToken"]
    assert messages(get(logs, nextToken=tail, startTime=5000, endTime=7000)) == ["4", "5"]


def test_an_event_has_three_members(logs: Logs, fill: Fill) -> None:
    fill("s", [(1000, "grüße\t☃")])
    (event,) = get(logs)["events"]
    assert (event["timestamp"], event["message"]) == (1000, "grüße\t☃")
    assert isinstance(event["ingestionTime"], int)


@pytest.mark.parametrize("head", [True, False])
def test_a_follower_sees_what_comes_later(logs: Logs, fill: Fill, head: bool) -> None:
    fill("s", [])
    answer = get(logs, startFromHead=head, endTime=10**13)
    assert answer["events"] == []
    fill("s", [(1000, "a"), (1000, "b")])
    answer = get(logs, nextToken=answer["nextForwardToken"])
    assert messages(answer) == ["a", "b"]
    fill("s", [(1000, "c"), (2000, "d")])
    assert messages(get(logs, nextToken=answer["nextForwardToken"])) == ["c", "d"]


def test_an_answer_is_no_larger_than_a_megabyte(logs: Logs, fill: Fill) -> None:
    fill("s", [(1000 + number, "x" * 200_000) for number in range(12)])
    first = get(logs, startFromHead=True)
    assert len(first["events"]) == 5
    rest = get(logs, nextToken=first["nextForwardToken"])["events"]
    assert [event["timestamp"] for event in rest] == [1005, 1006, 1007, 1008, 1009]
    assert [event["timestamp"] for event in get(logs)["events"]] == [1007, 1008, 1009, 1010, 1011]


def searched(logs: Logs, **params: object) -> Iterator[Document]:
    answer = logs("FilterLogEvents", logGroupName=GROUP, **params)
    yield from answer["events"]
    rounds = 0
    while "nextToken" in answer:
        rounds += 1
        assert rounds < 500
        answer = logs("FilterLogEvents", logGroupName=GROUP, **params, nextToken=answer["nextToken"])
        yield from answer["events"]


@pytest.fixture
def three(fill: Fill) -> list[tuple[int, str, str]]:
    """Three streams whose times interleave and coincide; the merged order is by time, then by stream."""
    streams = {"job/a": range(0, 30, 2), "job/b": range(0, 30, 3), "other/c": range(5, 20)}
    for stream, times in streams.items():
        fill(stream, [(1000 + time // 2, f"{stream} {time}") for time in times])
    merged = [(1000 + time // 2, stream, f"{stream} {time}") for stream in streams for time in streams[stream]]
    return sorted(merged, key=lambda row: (row[0], list(streams).index(row[1])))


@pytest.mark.parametrize("looked_at", [1, 4, 50_000])
@pytest.mark.parametrize("limit", [1, 2, 7, 1000])
def test_a_search_merges_streams_by_time_and_loses_nothing(
    logs: Logs,
    three: list[tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
    limit: int,
    looked_at: int,
) -> None:
    monkeypatch.setattr(searches, "MOST_LOOKED_AT", looked_at)
    found = list(searched(logs, limit=limit))
    assert [(event["timestamp"], event["logStreamName"], event["message"]) for event in found] == three
    assert len({event["eventId"] for event in found}) == len(three)


def test_a_search_is_bounded_by_streams_times_and_pattern(logs: Logs, three: list[tuple[int, str, str]]) -> None:
    in_job = [row for row in three if row[1].startswith("job/")]
    assert [event["message"] for event in searched(logs, logStreamNamePrefix="job/", limit=5)] == [
        row[2] for row in in_job
    ]
    names = ["other/c", "job/b", "other/c"]
    found = searched(logs, logStreamNames=names, startTime=1003, endTime=1008, limit=3)
    expected = [row[2] for row in three if row[1] in names and 1003 <= row[0] < 1008]
    assert [event["message"] for event in found] == expected
    wanted = [event["message"] for event in searched(logs, filterPattern='?"/a" ?"/c" -2', limit=2)]
    assert wanted == [row[2] for row in three if row[1] != "job/b" and "2" not in row[2]]


def test_a_search_names_streams_in_one_way(logs: Logs, fill: Fill) -> None:
    fill("s", [])
    refused(
        "cannot both be specified",
        lambda: logs("FilterLogEvents", logGroupName=GROUP, logStreamNames=["s"], logStreamNamePrefix="s"),
    )


PATTERNS = [
    ("", True),
    ("  ", True),
    ("ERROR", True),
    ("error", False),
    ("ERROR disk", True),
    ("ERROR memory", False),
    ('"disk full"', True),
    ('"full disk"', False),
    ("?memory ?disk", True),
    ("?memory ?network", False),
    ("-disk", False),
    ("-memory", True),
    ('ERROR -"disk full"', False),
    ('?memory ?"[ERROR]"', True),
    ('"say \\"hi\\""', True),
    ("sda1", True),
]


@pytest.mark.parametrize(("pattern", "expected"), PATTERNS)
def test_patterns(pattern: str, expected: bool) -> None:
    assert patterns.parse(pattern).matches('[ERROR] disk full on sda1, say "hi"') is expected


@pytest.mark.parametrize("pattern", ["{ $.a = 1 }", "[a, b]", "%regex%", '"open', 'a"b"', '"a"b'])
def test_patterns_that_are_not_understood_are_refused(logs: Logs, fill: Fill, pattern: str) -> None:
    fill("s", [(1000, "x")])
    refused("Invalid filter pattern", lambda: logs("FilterLogEvents", logGroupName=GROUP, filterPattern=pattern))


@given(st.text(max_size=200))
def test_no_pattern_breaks_anything(text: str) -> None:
    try:
        patterns.parse(text).matches(text)
    except Fault as fault:
        assert fault.code == "InvalidParameterException"


def put(logs: Logs, events: list[tuple[int, str]], **params: object) -> Document:
    batch = [{"timestamp": time, "message": message} for time, message in events]
    return logs("PutLogEvents", logGroupName="mine", logStreamName="s", logEvents=batch, **params)


@pytest.fixture
def now(logs: Logs) -> int:
    """A stream of our own, and the millisecond."""
    logs("CreateLogGroup", logGroupName="mine")
    logs("CreateLogStream", logGroupName="mine", logStreamName="s")
    return int(clock.now() * 1000)


def test_what_is_put_is_got_in_the_order_of_time(logs: Logs, now: int) -> None:
    first = put(logs, [(now, "b"), (now + 1, "c")])
    put(logs, [(now - 5, "a"), (now, "b2")], sequenceToken="whatever")
    assert len(first["nextSequenceToken"]) == 56
    assert "rejectedLogEventsInfo" not in first
    answer = logs("GetLogEvents", logGroupName="mine", logStreamName="s")
    assert messages(answer) == ["a", "b", "b2", "c"]
    (stream,) = logs("DescribeLogStreams", logGroupName="mine")["logStreams"]
    assert (stream["firstEventTimestamp"], stream["lastEventTimestamp"]) == (now - 5, now + 1)
    assert stream["lastIngestionTime"] >= now


DAY = 86_400_000


def test_batches_that_break_a_rule_leave_nothing(logs: Logs, now: int) -> None:
    refused("chronological order", lambda: put(logs, [(now, "b"), (now - 1, "a")]))
    refused("cannot span more than 24 hours", lambda: put(logs, [(now - DAY - 1, "a"), (now, "b")]))
    refused("Upload too large: 1048577 bytes", lambda: put(logs, [(now, "ü" * 524_261), (now, "a" * 3)]))
    assert logs("GetLogEvents", logGroupName="mine", logStreamName="s")["events"] == []


def test_a_batch_of_exactly_the_limit_is_taken(logs: Logs, now: int) -> None:
    put(logs, [(now, "x" * (1_048_576 - 26))])
    assert len(logs("GetLogEvents", logGroupName="mine", logStreamName="s")["events"]) == 1


@pytest.mark.parametrize(
    ("ages", "oldest_age", "kept", "rejected"),
    [
        ([0], None, [0], {}),
        ([14, 0], None, [14, 0], {}),
        ([15, 14, 0], None, [14, 0], {"tooOldLogEventEndIndex": 1}),
        ([15, 3, 0], 2, [0], {"tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 2}),
        ([0, -1], None, [0], {"tooNewLogEventStartIndex": 1}),
        ([-1, -1], None, [], {"tooNewLogEventStartIndex": 0}),
        ([16, -1], None, [], {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 1}),
    ],
)
def test_events_are_sifted_by_age(
    ages: list[int], oldest_age: int | None, kept: list[int], rejected: Document
) -> None:
    now = 100 * DAY
    batch = [(now - age * DAY, str(age)) for age in ages]
    oldest = 0 if oldest_age is None else now - oldest_age * DAY
    accepted, info = batches.sift(batch, now, oldest)
    assert [message for _, message in accepted] == [str(age) for age in kept]
    assert info == rejected


def test_a_batch_without_any_good_event_is_reported(logs: Logs, now: int) -> None:
    answer = put(logs, [(now - 20 * DAY, "old")])
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    assert logs("GetLogEvents", logGroupName="mine", logStreamName="s")["events"] == []


def test_nothing_can_be_put_into_a_jobs_stream(logs: Logs, site: Site, scope: Scope) -> None:
    with site.database.write() as transaction:
        log_rows.attach(transaction, scope, "mine", "s", "job.log", 1.0)
    refused("shows what a job writes", lambda: put(logs, [(int(clock.now() * 1000), "x")]))
