"""Rules: what they listen to (a pattern) or when they fire (a schedule expression), and whether they do."""

from __future__ import annotations

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import validation
from stepwell.machines import schedule_expressions
from stepwell.machines.schedule_expressions import At, InvalidExpressionError
from stepwell.services import paging
from stepwell.services.events import faults, listing, rule_rows
from stepwell.services.events.patterns import PatternError, compiled
from stepwell.services.events.tags import tag_map
from stepwell.services.registry import Call, operation
from stepwell.store import resources, tags
from stepwell.store.database import Transaction
from stepwell.store.outbox import DEFAULT_BUS, DISABLED, RULE
from stepwell.store.resources import Query, Resource

SHOWN = ("EventPattern", "ScheduleExpression", "Description", "RoleArn")
CONSIDERED = "Considered"
"""Member of a rule with a schedule: occurrences up to here (epoch seconds) have been seen to. Never shown."""


@operation
def put_rule(call: Call, request: Document) -> Document:
    """Make the rule, or replace all of it but its targets and tags."""
    _check(request)
    document: Document = {member: request[member] for member in SHOWN if request.get(member)}
    document["CreatedBy"] = call.scope.account
    with call.site.database.write() as transaction:
        bus = rule_rows.find_bus(transaction.connection, call.scope, request.get("EventBusName"))
        if bus != DEFAULT_BUS and "ScheduleExpression" in document:
            raise validation("ScheduleExpression is supported only on the default event bus.")
        key = rule_rows.rule_key(call.scope, bus, request["Name"])
        standing = resources.find(transaction.connection, key)
        row = Resource(key, request.get("State", "ENABLED"), call.now, call.now, document)
        arn = rule_rows.rule_arn(call.scope, row)
        if standing is None:
            resources.add(transaction, _timed(row, call.now))
            tags.put(transaction, arn, tag_map(request.get("Tags")))
        else:
            replaced = Resource(key, row.status, standing.created, call.now, document, standing.id)
            resources.save(transaction, _timed(replaced, call.now))
        _wake(transaction, call, arn, row)
    return {"RuleArn": arn}


def _check(request: Document) -> None:
    pattern, schedule = request.get("EventPattern"), request.get("ScheduleExpression")
    if not pattern and not schedule:
        raise validation("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if pattern:
        check_pattern(pattern)
    if schedule:
        _check_schedule(schedule)


def check_pattern(text: str) -> None:
    """Raises InvalidEventPatternException unless `text` is an event pattern."""
    try:
        compiled(text)
    except PatternError as error:
        raise faults.invalid_pattern(str(error)) from error


def _check_schedule(text: str) -> None:
    """Rules know cron and rate, and a rate's unit must agree with its number."""
    try:
        expression = schedule_expressions.parse(text)
    except InvalidExpressionError as error:
        raise faults.invalid_parameter("ScheduleExpression") from error
    if isinstance(expression, At) or not schedule_expressions.has_agreeing_unit(text):
        raise faults.invalid_parameter("ScheduleExpression")


def _timed(rule: Resource, now: float) -> Resource:
    """The rule as it counts from now on: what lay before is seen to."""
    if "ScheduleExpression" not in rule.document:
        return rule
    seen: Document = {CONSIDERED: now}
    return rule.with_changes(rule.modified, **seen)


def _wake(transaction: Transaction, call: Call, arn: str, rule: Resource) -> None:
    if "ScheduleExpression" in rule.document and rule.status != DISABLED:
        call.site.wake(transaction, rule_rows.MACHINE, arn, call.now)


@operation
def describe_rule(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        bus = rule_rows.find_bus(connection, call.scope, request.get("EventBusName"))
        rule = rule_rows.find_rule(connection, call.scope, bus, request["Name"])
    return {**_shown(call.scope, rule), "CreatedBy": rule.document["CreatedBy"]}


def _shown(scope: Scope, rule: Resource) -> Document:
    return {
        "Name": rule.name,
        "Arn": rule_rows.rule_arn(scope, rule),
        "State": rule.status,
        "EventBusName": rule.key.parent,
        **{member: rule.document[member] for member in SHOWN if member in rule.document},
    }


@operation
def delete_rule(call: Call, request: Document) -> Document:
    """Delete a rule without targets; one that does not exist is deleted already."""
    with call.site.database.write() as transaction:
        bus = rule_rows.find_bus(transaction.connection, call.scope, request.get("EventBusName"))
        rule = resources.find(transaction.connection, rule_rows.rule_key(call.scope, bus, request["Name"]))
        if rule is None:
            return {}
        if rule_rows.targets_of(transaction.connection, rule):
            raise validation("Rule can't be deleted since it has targets.")
        resources.remove(transaction, rule.key)
        tags.clear(transaction, rule_rows.rule_arn(call.scope, rule))
        _wake(transaction, call, rule_rows.rule_arn(call.scope, rule), rule)
    return {}


@operation
def enable_rule(call: Call, request: Document) -> Document:
    return _switch(call, request, "ENABLED")


@operation
def disable_rule(call: Call, request: Document) -> Document:
    return _switch(call, request, DISABLED)


def _switch(call: Call, request: Document, state: str) -> Document:
    with call.site.database.write() as transaction:
        bus = rule_rows.find_bus(transaction.connection, call.scope, request.get("EventBusName"))
        rule = rule_rows.find_rule(transaction.connection, call.scope, bus, request["Name"])
        if rule.status != state:
            switched = _timed(rule.with_changes(call.now, status=state), call.now)
            resources.save(transaction, switched)
            _wake(transaction, call, rule_rows.rule_arn(call.scope, rule), switched)
    return {}


@operation
def list_rules(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        bus = rule_rows.find_bus(connection, call.scope, request.get("EventBusName"))
        wanted = Query(
            RULE,
            call.scope,
            bus,
            name_prefix=request.get("NamePrefix", ""),
            sort_by="name",
            descending=False,
            limit=request.get("Limit", listing.MOST_A_PAGE),
            after=paging.decode(request.get("NextToken")),
        )
    return paging.answer(call, wanted, "Rules", lambda rule: _shown(call.scope, rule))


@operation
def list_rule_names_by_target(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        bus = rule_rows.find_bus(connection, call.scope, request.get("EventBusName"))
        same = (("Arn", request["TargetArn"]),)
        wanted = Query(rule_rows.TARGET, call.scope, members=same, limit=rule_rows.MOST_RULES)
        rows, _ = resources.page(connection, wanted)
    parents = (row.key.parent.rpartition("/") for row in rows)
    names = sorted({name for parent, _, name in parents if parent == bus})
    return listing.page(request, "RuleNames", names)
