"""Short-lived keys on request: AssumeRole, and GetSessionToken for keys that stand for the caller.

A role must exist to be assumed; whom its trust policy names is not enforced (`services/iam` says why).
"""

from __future__ import annotations

import json

from stepwell.base import arn as arns
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.registry import Call, operation
from stepwell.services.sts import identities, sessions
from stepwell.store.credentials import Credential

DEFAULT_ROLE_SECONDS = 3600
DEFAULT_TOKEN_SECONDS = 43200


@operation
def assume_role(call: Call, request: Document) -> Document:
    role = _role(call, request["RoleArn"])
    seconds = request.get("DurationSeconds", DEFAULT_ROLE_SECONDS)
    if seconds > role["MaxSessionDuration"]:
        raise Fault(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )
    _check_session_policy(request.get("Policy"))
    name = request["RoleSessionName"]
    with call.site.database.write() as transaction:
        credential = sessions.issue(transaction, role["Arn"], name, call.now, seconds)
    answer: Document = {
        "Credentials": shown(credential),
        "AssumedRoleUser": {"AssumedRoleId": f"{role['RoleId']}:{name}", "Arn": credential.principal},
    }
    if "SourceIdentity" in request:
        answer["SourceIdentity"] = request["SourceIdentity"]
    return answer


@operation
def get_session_token(call: Call, request: Document) -> Document:
    principal = call.scope.principal or identities.root_arn(call.scope.account)
    seconds = request.get("DurationSeconds", DEFAULT_TOKEN_SECONDS)
    with call.site.database.write() as transaction:
        credential = sessions.issue_for(transaction, principal, call.now, seconds)
    return {"Credentials": shown(credential)}


def shown(credential: Credential) -> Document:
    """Keys as STS hands them out: the only place that ever shows a secret."""
    return {
        "AccessKeyId": credential.access_key_id,
        "SecretAccessKey": credential.secret,
        "SessionToken": credential.session_token,
        "Expiration": credential.expires,
    }


def _role(call: Call, role_arn: str) -> Document:
    parsed = arns.parse(role_arn)
    if parsed is None or parsed.service != "iam":
        raise Fault("ValidationError", f"{role_arn} is invalid")
    try:
        answer = call.call("iam", "GetRole", {"RoleName": parsed.resource.rpartition("/")[2]})
    except Fault as fault:
        if fault.code not in ("NoSuchEntity", "ValidationError"):
            raise
        raise _not_authorized(call, role_arn) from None
    role: Document = answer["Role"]
    if role["Arn"] != role_arn:
        raise _not_authorized(call, role_arn)
    return role


def _not_authorized(call: Call, role_arn: str) -> Fault:
    """AWS does not tell a role that does not exist from one that may not be assumed."""
    caller = call.scope.principal or identities.root_arn(call.scope.account)
    message = f"User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
    return Fault("AccessDenied", message, 403)


def _check_session_policy(text: str | None) -> None:
    if text is None:
        return
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        raise Fault("MalformedPolicyDocument", "Syntax errors in policy.") from None
