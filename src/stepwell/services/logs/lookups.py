"""From the names in a request to rows and sources; shared by the nouns of this folder."""

from __future__ import annotations

from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.services.logs.faults import invalid_parameter, no_group, no_stream
from stepwell.services.logs.job_files import JobFile
from stepwell.services.logs.sources import Source
from stepwell.services.logs.stored_events import StoredEvents
from stepwell.services.registry import Site
from stepwell.store import logs
from stepwell.store.database import Connection
from stepwell.store.logs import Group, Stream

MILLISECONDS_A_DAY = 24 * 3600 * 1000


def group_arn(scope: Scope, name: str) -> str:
    """The ARN of a group, as tags know it."""
    return scope.arn("logs", f"log-group:{name}")


def group(connection: Connection, scope: Scope, name: str) -> Group:
    """The group of that name. Raises ResourceNotFoundException."""
    found = logs.find_group(connection, scope, name)
    if found is None:
        raise no_group()
    return found


def group_of(connection: Connection, scope: Scope, request: Document) -> Group:
    """The group that a request names by logGroupName or logGroupIdentifier (a name or an ARN)."""
    names = [request[member] for member in ("logGroupName", "logGroupIdentifier") if member in request]
    if len(names) != 1:
        raise invalid_parameter("Exactly one of logGroupName and logGroupIdentifier must be specified.")
    return group(connection, scope, name_of(names[0]))


def name_of(identifier: str) -> str:
    """The group's name, from its name or its ARN with or without `:*`."""
    parsed = arns.parse(identifier)
    return parsed.resource.removeprefix("log-group:").removesuffix(":*") if parsed else identifier


def stream(connection: Connection, of_group: Group, name: str) -> Stream:
    """The stream of that name. Raises ResourceNotFoundException."""
    found = logs.find_stream(connection, of_group, name)
    if found is None:
        raise no_stream()
    return found


def file_of(site: Site, of_stream: Stream) -> JobFile | None:
    """The job's log behind a stream, if it shows one."""
    return JobFile(site.data / of_stream.file) if of_stream.file is not None else None


def source(site: Site, connection: Connection, of_stream: Stream) -> Source:
    """The events of a stream, wherever they are; good as long as the connection is."""
    return file_of(site, of_stream) or StoredEvents(connection, of_stream)


def oldest(of_group: Group, now: float) -> int:
    """The millisecond before which events of the group have expired; 0 when they never do."""
    days = of_group.retention_days
    return int(now * 1000) - days * MILLISECONDS_A_DAY if days is not None else 0
