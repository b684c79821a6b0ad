"""Dead-letter queues: which queue may be one, and moving what was received too often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.base.faults import Fault
from stepwell.services.sqs import arrivals, settings
from stepwell.services.sqs.faults import invalid_value
from stepwell.services.sqs.settings import Redrive
from stepwell.store import queue_messages, queues
from stepwell.store.database import Connection, Transaction
from stepwell.store.queue_messages import Message
from stepwell.store.queues import Queue


def checked_target(
    connection: Connection, scope: Scope, source_arn: str, attributes: Mapping[str, str], *, is_fifo: bool
) -> str | None:
    """ARN of the queue that the attributes name for dead letters. Raises Fault when it cannot be one."""
    policy = settings.redrive(attributes)
    if policy is None:
        return None
    found = arns.parse(policy.target)
    is_near = found is not None and (found.account, found.region) == (scope.account, scope.region)
    target = _target(connection, policy) if is_near else None
    if target is None:
        raise _refused(attributes, "Dead letter target does not exist.")
    if target.arn == source_arn:
        raise _refused(attributes, "A queue cannot be its own dead-letter queue.")
    if target.is_fifo != is_fifo:
        raise _refused(attributes, "Dead-letter queue must be same type of queue as the source.")
    if not settings.allows(target, source_arn):
        raise _refused(attributes, "The dead letter target does not allow this source (RedriveAllowPolicy).")
    return target.arn


def bury(transaction: Transaction, queue: Queue, messages: Sequence[Message], now: float) -> list[Message]:
    """Move those of `messages` that were received too often. Returns the others, in their order.

    When the dead-letter queue is gone nothing is moved: a message is never lost for a missing target.
    """
    policy = settings.redrive(queue.attributes)
    if policy is None:
        return list(messages)
    dead = [message for message in messages if message.receive_count >= policy.most_receives]
    target = _target(transaction.connection, policy) if dead else None
    if target is None:
        return list(messages)
    queue_messages.move(transaction, queue, target, dead, now)
    transaction.on_commit(lambda: arrivals.announce(target.id))
    gone = {message.id for message in dead}
    return [message for message in messages if message.id not in gone]


def _target(connection: Connection, policy: Redrive) -> Queue | None:
    found = arns.parse(policy.target)
    return queues.find(connection, found.account, found.region, found.resource) if found else None


def _refused(attributes: Mapping[str, str], reason: str) -> Fault:
    return invalid_value(attributes["RedrivePolicy"], "RedrivePolicy", reason)
