"""Log streams: making, listing and deleting them.

DescribeLogStreams never gives a nextToken that makes the SageMaker SDK v2 loop: its wait for a job's streams does
not pass the token back, so it would ask for ever while it is given one (spec 06, section 7).
"""

from __future__ import annotations

import re

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.services.logs import lookups, tokens
from stepwell.services.logs.faults import invalid_parameter, stream_exists
from stepwell.services.registry import Call, Site, operation
from stepwell.store import logs
from stepwell.store.database import Connection
from stepwell.store.logs import Group, Stream

MOST_STREAMS = 50
MOST_STREAMS_OF_A_JOB = 1000
JOB_GROUP = re.compile(r"/aws/sagemaker/\w+Jobs")


@operation
def create_log_stream(call: Call, request: Document) -> Document:
    name = request["logStreamName"]
    with call.site.database.write() as transaction:
        group = lookups.group(transaction.connection, call.scope, request["logGroupName"])
        if not logs.add_stream(transaction, group, name, call.now):
            raise stream_exists()
    return {}


@operation
def delete_log_stream(call: Call, request: Document) -> Document:
    with call.site.database.write() as transaction:
        group = lookups.group(transaction.connection, call.scope, request["logGroupName"])
        logs.remove_stream(transaction, lookups.stream(transaction.connection, group, request["logStreamName"]))
    return {}


@operation
def describe_log_streams(call: Call, request: Document) -> Document:
    by_time = request.get("orderBy", "LogStreamName") == "LastEventTime"
    if by_time and request.get("logStreamNamePrefix"):
        raise invalid_parameter("Cannot order by LastEventTime with a logStreamNamePrefix.")
    with call.site.database.read() as connection:
        group = lookups.group_of(connection, call.scope, request)
        limit = _limit(group, request)
        page = _page_by_time if by_time else _page_by_name
        found = page(call.site, connection, group, request, limit)
    answer: Document = {"logStreams": [_shown(call, group, stream) for stream in found[:limit]]}
    if len(found) > limit:
        last = found[limit - 1]
        answer["nextToken"] = (
            tokens.encode(_time(call.site, last), last.name) if by_time else tokens.encode(last.name)
        )
    return answer


def _limit(group: Group, request: Document) -> int:
    """How many streams a page holds: as asked for, but all streams of a job where as many as can be are asked for."""
    limit: int = request.get("limit", MOST_STREAMS)
    of_one_job = request.get("logStreamNamePrefix", "").endswith("/") and JOB_GROUP.fullmatch(group.name)
    return MOST_STREAMS_OF_A_JOB if of_one_job and limit == MOST_STREAMS else limit


def _page_by_name(_: Site, connection: Connection, group: Group, request: Document, limit: int) -> list[Stream]:
    return logs.page_streams(
        connection,
        group,
        prefix=request.get("logStreamNamePrefix", ""),
        after=str(tokens.decode(request["nextToken"], str)[0]) if "nextToken" in request else None,
        descending=request.get("descending", False),
        limit=limit + 1,
    )


def _page_by_time(site: Site, connection: Connection, group: Group, request: Document, limit: int) -> list[Stream]:
    """Read whole and sorted here: the last time of a job's stream is known to its file alone."""
    descending = request.get("descending", False)
    timed = sorted(
        ((_time(site, stream), stream.name, stream) for stream in logs.page_streams(connection, group)),
        key=lambda row: row[:2],
        reverse=descending,
    )
    if "nextToken" in request:
        after = tuple(tokens.decode(request["nextToken"], int, str))
        timed = [row for row in timed if (row[:2] < after if descending else row[:2] > after)]
    return [stream for _, _, stream in timed[: limit + 1]]


def _time(site: Site, stream: Stream) -> int:
    file = lookups.file_of(site, stream)
    return (file.written() if file else stream.last) or 0


def _shown(call: Call, group: Group, stream: Stream) -> Document:
    answer: Document = {
        "logStreamName": stream.name,
        "creationTime": int(stream.created * 1000),
        "arn": _stream_arn(call.scope, group, stream),
        "storedBytes": 0,
        **_reach(call.site, stream),
    }
    return answer


def _stream_arn(scope: Scope, group: Group, stream: Stream) -> str:
    return f"{lookups.group_arn(scope, group.name)}:log-stream:{stream.name}"


def _reach(site: Site, stream: Stream) -> Document:
    """From when to when there are events, and when the last came in; nothing while there are none."""
    file = lookups.file_of(site, stream)
    if file is not None:
        reach, ingested = file.reach(), file.written()
    else:
        reach = (stream.first, stream.last) if stream.first is not None and stream.last is not None else None
        ingested = stream.ingested
    if reach is None:
        return {}
    return {"firstEventTimestamp": reach[0], "lastEventTimestamp": reach[1], "lastIngestionTime": ingested}
