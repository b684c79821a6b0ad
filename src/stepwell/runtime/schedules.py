"""Room runtime: the machine of everything that keeps time: schedules, and rules with a schedule expression.

Firing is one transaction: the deliveries of an occurrence are written, and the occurrence is noted as seen to. A
crash before it fires the occurrence later, one after it has nothing left to do; so each occurrence fires once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.machines import schedule as machine
from stepwell.machines import schedule_expressions
from stepwell.machines.schedule import Effect, Fire, Pass, Remove, Schedule
from stepwell.services.events import orders, rule_rows, rules
from stepwell.services.registry import Site
from stepwell.services.scheduler import schedule_rows
from stepwell.store import deliveries, resources
from stepwell.store.database import Transaction
from stepwell.store.deliveries import Stored
from stepwell.store.outbox import DISABLED
from stepwell.store.resources import Resource


@dataclass(frozen=True, slots=True)
class State:
    """A schedule or a rule as it is stored, and what the machine makes of it."""

    arn: str
    scope: Scope
    row: Resource
    schedule: Schedule

    @property
    def is_rule(self) -> bool:
        return self.row.key.kind != schedule_rows.SCHEDULE


class ScheduleMachine:
    """Meets `runtime.machine.Machine`."""

    name = schedule_rows.MACHINE

    def __init__(self, site: Site) -> None:
        self._site = site

    def load(self, connection: Connection, subject: str) -> State | None:
        """The schedule or rule; None when it is gone, disabled, or over."""
        row = schedule_rows.schedule_of_arn(connection, subject) or rule_rows.rule_of_arn(connection, subject)
        if row is None or row.status == DISABLED or "ScheduleExpression" not in row.document:
            return None
        scope = Scope(row.key.account, row.key.region)
        is_rule = row.key.kind != schedule_rows.SCHEDULE
        schedule = _rule_schedule(row) if is_rule else schedule_rows.schedule_of(row, subject)
        if machine.due(schedule) is None and not schedule.removes_itself:
            return None
        return State(subject, scope, row, schedule)

    def decide(self, state: State, now: float) -> Sequence[Effect]:
        """What the pure machine says."""
        return machine.decide(state.schedule, now)

    def perform(self, state: State, effect: Effect, now: float) -> Effect:  # noqa: ARG002 - the machine's signature
        """Nothing: what was decided only needs to be written."""
        return effect

    def apply(self, transaction: Transaction, state: State, event: Effect, now: float) -> None:
        """Fire, pass over or remove, unless somebody changed the schedule meanwhile."""
        row = resources.find(transaction.connection, state.row.key)
        if row is None or (row.id, row.modified) != (state.row.id, state.row.modified):
            return
        match event:
            case Remove():
                resources.remove(transaction, row.key)
                return
            case Fire(occurrence):
                for each in self._ordered(transaction, state, occurrence, now):
                    deliveries.add(transaction, each)
                transaction.on_commit(self._site.roused)
            case Pass(occurrence):
                pass
        seen: Document = {rules.CONSIDERED: occurrence}
        resources.save(transaction, row.with_changes(row.modified, **seen))

    def due(self, state: State, now: float) -> float | None:  # noqa: ARG002 - the machine's signature
        """The next occurrence."""
        return machine.due(state.schedule)

    def _ordered(self, transaction: Transaction, state: State, occurrence: float, now: float) -> list[Stored]:
        row, scope = state.row, state.scope
        if not state.is_rule:
            target = row.document["Target"]
            return [orders.of_occurrence(scope, state.arn, row.created, target, occurrence, now)]
        event = orders.scheduled_event(scope, state.arn, row.created, occurrence)
        targets = rule_rows.targets_of(transaction.connection, row)
        return [orders.of_event(scope, state.arn, row.name, target, event, now) for target in targets]


def _rule_schedule(row: Resource) -> Schedule:
    """A rule keeps UTC, and its rate counts from the moment it was made, enabled or changed."""
    return Schedule(
        expression=schedule_expressions.parse(row.document["ScheduleExpression"]),
        zone=ZoneInfo("UTC"),
        anchor=row.modified,
        considered=row.document[rules.CONSIDERED],
    )
