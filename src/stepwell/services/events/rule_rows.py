"""Room services: rules and their targets as rows. A rule's parent is its bus, a target's parent its rule and bus.

Shared by the operations on rules and targets, the announced events' machine and the schedules' machine.
"""

from __future__ import annotations

from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.services.events.faults import missing
from stepwell.store import resources
from stepwell.store.database import Connection
from stepwell.store.outbox import DEFAULT_BUS, DISABLED, RULE
from stepwell.store.resources import Key, Query, Resource

TARGET = "event-target"
BUS = "event-bus"
MOST_RULES = 10_000
MOST_TARGETS = 1_000
MACHINE = "schedule"
"""The machine of everything that keeps time."""


def bus_name(scope: Scope, reference: str | None) -> str:
    """The name of a bus from its name or ARN."""
    parsed = arns.parse(reference or "")
    if parsed is None:
        return reference or DEFAULT_BUS
    if (parsed.kind, parsed.account, parsed.region) != (BUS, scope.account, scope.region):
        raise missing(f"Event bus {reference} does not exist.")
    return parsed.name


def find_bus(connection: Connection, scope: Scope, reference: str | None) -> str:
    """The name of a bus that exists. Raises ResourceNotFoundException."""
    name = bus_name(scope, reference)
    if name != DEFAULT_BUS and resources.find(connection, resources.key(scope, BUS, name)) is None:
        raise missing(f"Event bus {name} does not exist.")
    return name


def rule_key(scope: Scope, bus: str, name: str) -> Key:
    """Where the rule lives."""
    return resources.key(scope, RULE, name, bus)


def rule_arn(scope: Scope, rule: Resource) -> str:
    """The rule's ARN; the default bus is not named in it."""
    return name_arn(scope, rule.key.parent, rule.name)


def name_arn(scope: Scope, bus: str, name: str) -> str:
    """The ARN of the rule of that name on that bus."""
    return scope.arn("events", f"rule/{name}" if bus == DEFAULT_BUS else f"rule/{bus}/{name}")


def find_rule(connection: Connection, scope: Scope, bus: str, name: str) -> Resource:
    """The rule of that name. Raises ResourceNotFoundException."""
    found = resources.find(connection, rule_key(scope, bus, name))
    if found is None:
        raise missing(f"Rule {name} does not exist on EventBus {bus}.")
    return found


def rule_of_arn(connection: Connection, arn: str) -> Resource | None:
    """The rule of that ARN, if it stands."""
    parsed = arns.parse(arn)
    if parsed is None or parsed.kind != "rule":
        return None
    bus, slash, name = parsed.name.rpartition("/")
    scope = Scope(parsed.account, parsed.region)
    return resources.find(connection, rule_key(scope, bus if slash else DEFAULT_BUS, name))


def rules_listening(connection: Connection, scope: Scope, bus: str) -> list[Resource]:
    """The enabled rules of the bus that have a pattern."""
    rows, _ = resources.page(connection, Query(RULE, scope, bus, limit=MOST_RULES))
    return [row for row in rows if row.status != DISABLED and "EventPattern" in row.document]


def parent_of_targets(rule: Resource) -> str:
    """What the targets of the rule have as their parent."""
    return f"{rule.key.parent}/{rule.name}"


def targets_of(connection: Connection, rule: Resource) -> list[Document]:
    """The targets of the rule, as PutTargets took them."""
    scope = Scope(rule.key.account, rule.key.region)
    wanted = Query(TARGET, scope, parent_of_targets(rule), sort_by="name", descending=False, limit=MOST_TARGETS)
    rows, _ = resources.page(connection, wanted)
    return [{"Id": row.name, **row.document} for row in rows]
