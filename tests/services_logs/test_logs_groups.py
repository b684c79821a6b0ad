"""Groups and streams: making, listing, deleting; retention; tags."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from stepwell.base import clock
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.registry import Site
from stepwell.store import logs as log_rows

Logs = Callable[..., Document]
JOBS = "/aws/sagemaker/TrainingJobs"


def refused(code: str, text: str, act: Callable[[], object]) -> None:
    with pytest.raises(Fault) as caught:
        act()
    assert caught.value.code == code
    assert text in caught.value.message


def attach(site: Site, scope: Scope, stream: str, text: str = "", group: str = JOBS) -> Path:
    path = site.data / stream.replace("/", "_")
    path.write_text(text)
    with site.database.write() as transaction:
        log_rows.attach(transaction, scope, group, stream, path.name, 1000.0)
    return path


def test_a_group_is_described(logs: Logs) -> None:
    before = clock.now()
    logs("CreateLogGroup", logGroupName="mine", tags={"a": "b"})
    (group,) = logs("DescribeLogGroups")["logGroups"]
    assert group["arn"] == "arn:aws:logs:eu-west-1:123456789012:log-group:mine:*"
    assert group["logGroupArn"] == "arn:aws:logs:eu-west-1:123456789012:log-group:mine"
    assert before * 1000 - 1 <= group["creationTime"] <= clock.now() * 1000
    assert isinstance(group["creationTime"], int)
    assert "retentionInDays" not in group
    assert logs("ListTagsForResource", resourceArn=group["logGroupArn"]) == {"tags": {"a": "b"}}
    refused("ResourceAlreadyExistsException", "already exists", lambda: logs("CreateLogGroup", logGroupName="mine"))


def test_groups_page_by_name_and_are_found_by_prefix_or_pattern(logs: Logs) -> None:
    names = ["/a/one", "/a/two", "/A/three", "/b/one", "z_%"]
    for name in names:
        logs("CreateLogGroup", logGroupName=name.replace("%", "."))

    def found(**params: object) -> list[str]:
        return [group["logGroupName"] for group in logs("DescribeLogGroups", **params)["logGroups"]]

    assert found(logGroupNamePrefix="/a/") == ["/a/one", "/a/two"]
    assert found(logGroupNamePattern="ONE") == ["/a/one", "/b/one"]
    assert found(logGroupNamePattern="_") == ["z_."]
    first = logs("DescribeLogGroups", limit=3)
    second = logs("DescribeLogGroups", limit=3, nextToken=first["nextToken"])
    paged = [group["logGroupName"] for page in (first, second) for group in page["logGroups"]]
    assert paged == sorted(name.replace("%", ".") for name in names)
    assert "nextToken" not in second
    refused(
        "InvalidParameterException",
        "mutually exclusive",
        lambda: found(logGroupNamePrefix="a", logGroupNamePattern="abc"),
    )


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("DeleteLogGroup", {}),
        ("CreateLogStream", {"logStreamName": "s"}),
        ("DeleteLogStream", {"logStreamName": "s"}),
        ("DescribeLogStreams", {}),
        ("PutLogEvents", {"logStreamName": "s", "logEvents": [{"timestamp": 1, "message": "m"}]}),
        ("GetLogEvents", {"logStreamName": "s"}),
        ("FilterLogEvents", {}),
        ("PutRetentionPolicy", {"retentionInDays": 1}),
        ("DeleteRetentionPolicy", {}),
        ("TagLogGroup", {"tags": {"a": "b"}}),
        ("UntagLogGroup", {"tags": ["a"]}),
        ("ListTagsLogGroup", {}),
    ],
)
def test_every_operation_misses_a_group_in_aws_words(logs: Logs, operation: str, params: Document) -> None:
    message = "The specified log group does not exist."
    refused("ResourceNotFoundException", message, lambda: logs(operation, logGroupName="ghost", **params))


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("DeleteLogStream", {"logStreamName": "ghost"}),
        ("PutLogEvents", {"logStreamName": "ghost", "logEvents": [{"timestamp": 1, "message": "m"}]}),
        ("GetLogEvents", {"logStreamName": "ghost"}),
        ("FilterLogEvents", {"logStreamNames": ["ghost"]}),
    ],
)
def test_every_operation_misses_a_stream_in_aws_words(logs: Logs, operation: str, params: Document) -> None:
    logs("CreateLogGroup", logGroupName="mine")
    message = "The specified log stream does not exist."
    refused("ResourceNotFoundException", message, lambda: logs(operation, logGroupName="mine", **params))


def test_deleting_a_group_takes_everything_but_a_jobs_file(logs: Logs, site: Site, scope: Scope) -> None:
    path = attach(site, scope, "job/algo-1", "1000 kept\n")
    logs("TagLogGroup", logGroupName=JOBS, tags={"a": "b"})
    logs("CreateLogStream", logGroupName=JOBS, logStreamName="mine")
    now = int(clock.now() * 1000)
    logs("PutLogEvents", logGroupName=JOBS, logStreamName="mine", logEvents=[{"timestamp": now, "message": "m"}])
    logs("DeleteLogGroup", logGroupName=JOBS)
    logs("CreateLogGroup", logGroupName=JOBS)
    assert logs("DescribeLogStreams", logGroupName=JOBS)["logStreams"] == []
    assert logs("FilterLogEvents", logGroupName=JOBS)["events"] == []
    assert logs("ListTagsLogGroup", logGroupName=JOBS) == {"tags": {}}
    assert path.exists()


def test_a_stream_is_made_once_and_deleted(logs: Logs) -> None:
    logs("CreateLogGroup", logGroupName="mine")
    logs("CreateLogStream", logGroupName="mine", logStreamName="s")
    refused(
        "ResourceAlreadyExistsException",
        "The specified log stream already exists",
        lambda: logs("CreateLogStream", logGroupName="mine", logStreamName="s"),
    )
    (stream,) = logs("DescribeLogStreams", logGroupIdentifier="mine")["logStreams"]
    assert stream["arn"] == "arn:aws:logs:eu-west-1:123456789012:log-group:mine:log-stream:s"
    by_arn = logs("DescribeLogStreams", logGroupIdentifier="arn:aws:logs:eu-west-1:123456789012:log-group:mine")
    assert by_arn["logStreams"] == [stream]
    assert "lastEventTimestamp" not in stream
    logs("DeleteLogStream", logGroupName="mine", logStreamName="s")
    assert logs("DescribeLogStreams", logGroupName="mine")["logStreams"] == []


def test_a_stream_of_a_job_shows_how_far_its_file_reaches(logs: Logs, site: Site, scope: Scope) -> None:
    path = attach(site, scope, "job/algo-1", "1000 a\n2000 b\n3000 unfinished")
    os.utime(path, ns=(0, 4_000_000_000))
    (stream,) = logs("DescribeLogStreams", logGroupName=JOBS)["logStreams"]
    assert stream["firstEventTimestamp"] == 1000
    assert stream["lastEventTimestamp"] == 2000
    assert stream["lastIngestionTime"] == 4000
    attach(site, scope, "job/algo-1", "1000 a\n")
    assert len(logs("DescribeLogStreams", logGroupName=JOBS)["logStreams"]) == 1


def described(logs: Logs, **params: object) -> list[str]:
    names: list[str] = []
    answer = logs("DescribeLogStreams", **params)
    names += [stream["logStreamName"] for stream in answer["logStreams"]]
    while "nextToken" in answer:
        answer = logs("DescribeLogStreams", **params, nextToken=answer["nextToken"])
        names += [stream["logStreamName"] for stream in answer["logStreams"]]
    return names


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
@pytest.mark.parametrize("descending", [False, True])
def test_streams_by_name_and_by_time(logs: Logs, site: Site, scope: Scope, limit: int, descending: bool) -> None:
    for name, moment in (("b", 3), ("a", 1), ("c", 2), ("d", 2)):
        os.utime(attach(site, scope, name, "1000 x\n"), ns=(0, moment * 1_000_000_000))
    step = -1 if descending else 1
    params = {"logGroupName": JOBS, "limit": limit, "descending": descending}
    assert described(logs, **params) == ["a", "b", "c", "d"][::step]
    assert described(logs, **params, orderBy="LastEventTime") == ["a", "c", "d", "b"][::step]


def test_a_prefix_does_not_go_with_the_order_of_time(logs: Logs) -> None:
    logs("CreateLogGroup", logGroupName="mine")
    refused(
        "InvalidParameterException",
        "Cannot order by LastEventTime with a logStreamNamePrefix.",
        lambda: logs("DescribeLogStreams", logGroupName="mine", logStreamNamePrefix="a", orderBy="LastEventTime"),
    )


@pytest.mark.parametrize("instances", [1, 2, 50, 51, 120])
def test_a_wait_that_does_not_pass_the_token_back_ends(logs: Logs, site: Site, scope: Scope, instances: int) -> None:
    """What the SageMaker SDK v2 does to find a job's streams (spec 06, section 7)."""
    for number in range(instances):
        attach(site, scope, f"job/algo-{number}")
    attach(site, scope, "job-other/algo-1")
    params = {"logGroupName": JOBS, "logStreamNamePrefix": "job/", "orderBy": "LogStreamName"}
    answer = logs("DescribeLogStreams", **params, limit=min(instances, 50))
    found = {stream["logStreamName"] for stream in answer["logStreams"]}
    rounds = 0
    while "nextToken" in answer:
        rounds += 1
        assert rounds < 3
        answer = logs("DescribeLogStreams", **params, limit=50)
        found |= {stream["logStreamName"] for stream in answer["logStreams"]}
    assert found == {f"job/algo-{number}" for number in range(instances)}


def test_a_token_we_did_not_give_is_refused(logs: Logs) -> None:
    logs("CreateLogGroup", logGroupName="mine")
    logs("CreateLogStream", logGroupName="mine", logStreamName="s")
    for token in ("nonsense", "bnVsbA", "WzFd", "ä", "[" * 2000):
        for operation, params in (
            ("DescribeLogGroups", {}),
            ("DescribeLogStreams", {"logGroupName": "mine"}),
            ("DescribeLogStreams", {"logGroupName": "mine", "orderBy": "LastEventTime"}),
            ("GetLogEvents", {"logGroupName": "mine", "logStreamName": "s"}),
            ("FilterLogEvents", {"logGroupName": "mine"}),
        ):
            refused(
                "InvalidParameterException",
                "The specified nextToken is invalid.",
                lambda: logs(operation, **params, nextToken=token),  # noqa: B023
            )


@pytest.mark.parametrize("params", [{}, {"logGroupName": "mine", "logGroupIdentifier": "mine"}])
def test_a_group_is_named_in_exactly_one_way(logs: Logs, params: Document) -> None:
    logs("CreateLogGroup", logGroupName="mine")
    refused("InvalidParameterException", "Exactly one", lambda: logs("DescribeLogStreams", **params))


def test_retention_is_one_of_awss_numbers(logs: Logs) -> None:
    logs("CreateLogGroup", logGroupName="mine")
    logs("PutRetentionPolicy", logGroupName="mine", retentionInDays=7)
    assert logs("DescribeLogGroups")["logGroups"][0]["retentionInDays"] == 7
    refused(
        "InvalidParameterException", "8", lambda: logs("PutRetentionPolicy", logGroupName="mine", retentionInDays=8)
    )
    logs("DeleteRetentionPolicy", logGroupName="mine")
    assert "retentionInDays" not in logs("DescribeLogGroups")["logGroups"][0]


def test_what_has_expired_is_not_shown(logs: Logs, site: Site, scope: Scope) -> None:
    now = int(clock.now() * 1000)
    attach(site, scope, "job/algo-1", f"{now - 2 * 86_400_000} old\n{now - 1000} new\n")
    logs("PutRetentionPolicy", logGroupName=JOBS, retentionInDays=1)
    for head in (True, False):
        found = logs("GetLogEvents", logGroupName=JOBS, logStreamName="job/algo-1", startFromHead=head)["events"]
        assert [event["message"] for event in found] == ["new"]
    found = logs("FilterLogEvents", logGroupName=JOBS, startTime=1)["events"]
    assert [event["message"] for event in found] == ["new"]


def test_tags_by_arn_and_by_name_are_the_same(logs: Logs) -> None:
    logs("CreateLogGroup", logGroupName="mine")
    arn = "arn:aws:logs:eu-west-1:123456789012:log-group:mine"
    logs("TagResource", resourceArn=arn, tags={"a": "1", "b": "2"})
    logs("TagLogGroup", logGroupName="mine", tags={"a": "3", "c": "4"})
    logs("UntagResource", resourceArn=arn, tagKeys=["b"])
    assert logs("ListTagsLogGroup", logGroupName="mine") == {"tags": {"a": "3", "c": "4"}}
    logs("UntagLogGroup", logGroupName="mine", tags=["c"])
    assert logs("ListTagsForResource", resourceArn=arn) == {"tags": {"a": "3"}}
    many = {f"k{number}": "" for number in range(50)}
    refused("TooManyTagsException", "50", lambda: logs("TagResource", resourceArn=arn, tags=many))
