"""What would a role be allowed to do? Here: everything, because Stepwell enforces no policy.

The SageMaker SDK (v3) asks before every create whether its role may do what is needed (spec 06, section 7); the
answer is the truth about this server, not an evaluation of the documents.
"""

from __future__ import annotations

from itertools import product

from stepwell.base import arn as arns
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.iam import entities
from stepwell.services.registry import Call, operation
from stepwell.store.database import Connection

PRINCIPALS = ("role", "user", "group")


@operation
def simulate_principal_policy(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        _require_principal(connection, call, request["PolicySourceArn"])
    return _allowed(request)


@operation
def simulate_custom_policy(call: Call, request: Document) -> Document:  # noqa: ARG001 - every handler takes both
    return _allowed(request)


def _require_principal(connection: Connection, call: Call, source: str) -> None:
    parsed = arns.parse(source)
    if parsed is None or parsed.service != "iam" or parsed.kind not in PRINCIPALS:
        raise Fault("InvalidInput", f"Invalid Entity Arn: {source} does not clearly define entity type and name.")
    name = parsed.resource.rpartition("/")[2]
    if parsed.kind != "role":
        raise entities.no_such_entity(f"The {parsed.kind} with name {name} cannot be found.")
    if entities.role(connection, call.scope, name).document["Arn"] != source:
        raise entities.no_such_entity(f"The role with name {name} cannot be found.")


def _allowed(request: Document) -> Document:
    asked = product(request["ActionNames"], request.get("ResourceArns") or ["*"])
    results = [
        {"EvalActionName": action, "EvalResourceName": resource, "EvalDecision": "allowed"}
        for action, resource in asked
    ]
    return {"EvaluationResults": results, "IsTruncated": False}
