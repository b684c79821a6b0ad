"""Resource policies of functions: AddPermission, RemovePermission, GetPolicy. Kept and shown, not enforced."""

from __future__ import annotations

import json

from stepwell.base import arn as arns
from stepwell.base.documents import Document
from stepwell.services.lambda_ import configurations, entities, faults, names
from stepwell.services.registry import Call, operation
from stepwell.store import resources
from stepwell.store.database import Connection, Transaction
from stepwell.store.resources import Resource

MOST_POLICY_BYTES = 20480


@operation
def add_permission(call: Call, request: Document) -> Document:
    """Add a statement to the policy of the function, or of the version or alias that Qualifier names."""
    wanted = names.reference(call.scope, request["FunctionName"], request.get("Qualifier"))
    with call.site.database.write() as transaction:
        function = _policed(transaction.connection, call, wanted)
        configurations.check_revision(function.document, request)
        statements = _statements(function, wanted.qualifier)
        if any(each["Sid"] == request["StatementId"] for each in statements):
            raise faults.conflict(
                f"The statement id ({request['StatementId']}) provided already exists. "
                "Please provide a new statement id, or remove the existing statement."
            )
        statement = _statement(request, names.function_arn(call.scope, wanted.name, wanted.qualifier))
        _save(transaction, call, function, wanted.qualifier, [*statements, statement])
    return {"Statement": json.dumps(statement, separators=(",", ":"))}


@operation
def remove_permission(call: Call, request: Document) -> Document:
    """Remove a statement."""
    wanted = names.reference(call.scope, request["FunctionName"], request.get("Qualifier"))
    with call.site.database.write() as transaction:
        function = _policed(transaction.connection, call, wanted)
        configurations.check_revision(function.document, request)
        statements = _statements(function, wanted.qualifier)
        kept = [each for each in statements if each["Sid"] != request["StatementId"]]
        if len(kept) == len(statements):
            raise faults.not_found(f"Statement {request['StatementId']} is not found in resource policy.")
        _save(transaction, call, function, wanted.qualifier, kept)
    return {}


@operation
def get_policy(call: Call, request: Document) -> Document:
    """The policy as a JSON text."""
    wanted = names.reference(call.scope, request["FunctionName"], request.get("Qualifier"))
    with call.site.database.read() as connection:
        function = _policed(connection, call, wanted)
    statements = _statements(function, wanted.qualifier)
    if not statements:
        raise faults.not_found("The resource you requested does not exist.")
    return {"Policy": _text(statements), "RevisionId": function.document["RevisionId"]}


def _policed(connection: Connection, call: Call, wanted: names.Reference) -> Resource:
    return entities.target(connection, call.scope, wanted).function


def _statements(function: Resource, qualifier: str) -> list[Document]:
    found: list[Document] = function.document.get("Policies", {}).get(qualifier, [])
    return found


def _save(transaction: Transaction, call: Call, function: Resource, qualifier: str, kept: list[Document]) -> None:
    if len(_text(kept).encode()) > MOST_POLICY_BYTES:
        raise faults.invalid(f"The final policy size is bigger than the limit ({MOST_POLICY_BYTES}).")
    policies = {**function.document.get("Policies", {}), qualifier: kept}
    revision = entities.fresh_revision()
    resources.save(transaction, function.with_changes(call.now, Policies=policies, RevisionId=revision))


def _text(statements: list[Document]) -> str:
    policy = {"Version": "2012-10-17", "Id": "default", "Statement": statements}
    return json.dumps(policy, separators=(",", ":"))


def _statement(request: Document, arn: str) -> Document:
    statement: Document = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(request["Principal"]),
        "Action": request["Action"],
        "Resource": arn,
    }
    condition: Document = {}
    if "SourceAccount" in request:
        condition["StringEquals"] = {"AWS:SourceAccount": request["SourceAccount"]}
    if "SourceArn" in request:
        condition["ArnLike"] = {"AWS:SourceArn": request["SourceArn"]}
    if "PrincipalOrgID" in request:
        condition.setdefault("StringEquals", {})["aws:PrincipalOrgID"] = request["PrincipalOrgID"]
    return {**statement, "Condition": condition} if condition else statement


def _principal(text: str) -> str | Document:
    if text == "*":
        return text
    if text.isdigit():
        return {"AWS": f"arn:aws:iam::{text}:root"}
    return {"AWS": text} if arns.parse(text) else {"Service": text}
