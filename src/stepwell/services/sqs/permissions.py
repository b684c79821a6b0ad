"""Permissions: statements that AddPermission writes into the queue's policy.

The policy is kept and shown. Who may do what is decided by the caller's account alone (docs/decisions).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.registry import Call, operation
from stepwell.services.sqs import addresses, settings
from stepwell.services.sqs.faults import invalid_value, missing
from stepwell.store import queues
from stepwell.store.database import Transaction
from stepwell.store.queues import Queue

LABEL = re.compile(r"[A-Za-z0-9_-]{1,80}")
ACCOUNT = re.compile(r"\d{12}", re.ASCII)
ACTIONS = (
    *("*", "SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility"),
    *("GetQueueAttributes", "GetQueueUrl", "ListDeadLetterSourceQueues", "PurgeQueue"),
)
MOST_ACTIONS = 7
MOST_STATEMENTS = 20


@operation
def add_permission(call: Call, request: Document) -> Document:
    label, accounts, actions = request["Label"], request["AWSAccountIds"], request["Actions"]
    _check(label, accounts, actions)
    with call.site.database.write() as transaction:
        queue = addresses.find(transaction.connection, call.scope, request["QueueUrl"])
        policy = _policy(queue)
        statements = _statements(policy)
        if any(statement.get("Sid") == label for statement in statements):
            raise invalid_value(label, "Label", "Already exists.")
        if len(statements) >= MOST_STATEMENTS:
            raise Fault("OverLimit", f"{MOST_STATEMENTS} permissions are the most a queue can have.", 403)
        added = _statement(queue, label, accounts, actions)
        _keep(transaction, queue, {**policy, "Statement": [*statements, added]}, call.now)
    return {}


@operation
def remove_permission(call: Call, request: Document) -> Document:
    label = request["Label"]
    with call.site.database.write() as transaction:
        queue = addresses.find(transaction.connection, call.scope, request["QueueUrl"])
        policy = _policy(queue)
        standing = _statements(policy)
        left = [statement for statement in standing if statement.get("Sid") != label]
        if len(left) == len(standing):
            raise invalid_value(label, "Label", "can't find label.")
        _keep(transaction, queue, {**policy, "Statement": left} if left else {}, call.now)
    return {}


def _check(label: str, accounts: Sequence[str], actions: Sequence[str]) -> None:
    if not LABEL.fullmatch(label):
        raise invalid_value(
            label, "Label", "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )
    if not accounts:
        raise missing("AWSAccountIds")
    if not actions:
        raise missing("Actions")
    if len(actions) > MOST_ACTIONS:
        raise Fault("OverLimit", f"{len(actions)} Actions were found, maximum allowed is {MOST_ACTIONS}.", 403)
    for account in accounts:
        if not ACCOUNT.fullmatch(account):
            raise invalid_value(account, "PrincipalId", "Unable to verify.")
    for action in actions:
        if action not in ACTIONS:
            allowed = ", ".join(ACTIONS)
            raise invalid_value(
                f"SQS:{action}", "ActionName", f"Only the queue owner may use it. Allowed: {allowed}."
            )


def _policy(queue: Queue) -> Document:
    text = queue.attributes.get("Policy")
    if text:
        found: Document = json.loads(text)
        return found
    return {"Version": "2008-10-17", "Id": f"{queue.arn}/SQSDefaultPolicy", "Statement": []}


def _statements(policy: Document) -> list[Document]:
    """A policy's statements; one alone may stand without a list around it."""
    found = policy.get("Statement", [])
    listed = found if isinstance(found, list) else [found]
    return [statement for statement in listed if isinstance(statement, dict)]


def _statement(queue: Queue, label: str, accounts: Sequence[str], actions: Sequence[str]) -> Document:
    principals = [f"arn:aws:iam::{account}:root" for account in accounts]
    named = [f"SQS:{action}" for action in actions]
    return {
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": principals[0] if len(principals) == 1 else principals},
        "Action": named[0] if len(named) == 1 else named,
        "Resource": queue.arn,
    }


def _keep(transaction: Transaction, queue: Queue, policy: Document, now: float) -> None:
    attributes = {name: text for name, text in queue.attributes.items() if name != "Policy"}
    if policy:
        attributes["Policy"] = json.dumps(policy, separators=(",", ":"))
    redrive = settings.redrive(queue.attributes)
    queues.set_attributes(transaction, queue, attributes, redrive.target if redrive else None, now)
