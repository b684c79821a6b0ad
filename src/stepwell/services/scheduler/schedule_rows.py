"""Room services: schedules and groups as rows. A schedule's parent is the name of its group."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.machines import schedule_expressions
from stepwell.machines.schedule import Schedule
from stepwell.machines.schedule_expressions import At
from stepwell.store import resources
from stepwell.store.database import Connection
from stepwell.store.resources import Key, Resource

SCHEDULE = "schedule"
GROUP = "schedule-group"
DEFAULT_GROUP = "default"
MACHINE = "schedule"
CONSIDERED = "Considered"
"""Member of a schedule: occurrences up to here (epoch seconds) have been seen to. Never shown."""
TOKEN = "ClientToken"
RETRY: Document = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}
JUST_BEFORE = 1e-3
"""Seconds: a schedule that begins with an occurrence has seen to everything up to just before it."""


def missing(message: str) -> Fault:
    """Something that is named does not exist."""
    return Fault("ResourceNotFoundException", message, 404)


def conflict(message: str) -> Fault:
    """A name that is taken."""
    return Fault("ConflictException", message, 409)


def schedule_key(scope: Scope, group: str, name: str) -> Key:
    """Where the schedule lives."""
    return resources.key(scope, SCHEDULE, name, group)


def schedule_arn(scope: Scope, row: Resource) -> str:
    """The ARN of the schedule of that row."""
    return scope.arn("scheduler", f"{SCHEDULE}/{row.key.parent}/{row.name}")


def group_arn(scope: Scope, name: str) -> str:
    """The ARN of the group of that name."""
    return scope.arn("scheduler", f"{GROUP}/{name}")


def find_schedule(connection: Connection, scope: Scope, group: str, name: str) -> Resource:
    """The schedule of that name. Raises ResourceNotFoundException."""
    found = resources.find(connection, schedule_key(scope, group, name))
    if found is None:
        raise missing(f"Schedule {name} does not exist.")
    return found


def find_group(connection: Connection, scope: Scope, name: str) -> Resource | None:
    """The group of that name; None for the default one, which needs no row. Raises ResourceNotFoundException."""
    found = resources.find(connection, resources.key(scope, GROUP, name))
    if found is None and name != DEFAULT_GROUP:
        raise missing(f"Schedule group {name} does not exist.")
    return found


def schedule_of_arn(connection: Connection, arn: str) -> Resource | None:
    """The schedule of that ARN, if it stands."""
    parsed = arns.parse(arn)
    if parsed is None or parsed.kind != SCHEDULE:
        return None
    group, _, name = parsed.name.partition("/")
    return resources.find(connection, schedule_key(Scope(parsed.account, parsed.region), group, name))


def zone(name: str) -> ZoneInfo | None:
    """The time zone of that name; None when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def schedule_of(row: Resource, arn: str) -> Schedule:
    """What the machine decides about."""
    document = row.document
    expression = schedule_expressions.parse(document["ScheduleExpression"])
    window: Document = document["FlexibleTimeWindow"]
    recurs = not isinstance(expression, At)
    return Schedule(
        expression=expression,
        zone=zone(document["ScheduleExpressionTimezone"]) or ZoneInfo("UTC"),
        anchor=document.get("StartDate", row.created),
        considered=document[CONSIDERED],
        patience=document["Target"].get("RetryPolicy", RETRY).get("MaximumEventAgeInSeconds", 86_400),
        start=document.get("StartDate") if recurs else None,
        end=document.get("EndDate") if recurs else None,
        window=60.0 * window.get("MaximumWindowInMinutes", 0) if window["Mode"] == "FLEXIBLE" else 0.0,
        seed=arn,
        removes_itself=document["ActionAfterCompletion"] == "DELETE",
    )
