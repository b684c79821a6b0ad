"""Who is calling: GetCallerIdentity and GetAccessKeyInfo.

The SageMaker SDK turns an assumed-role ARN into the role it passes on (spec 06, section 7).
"""

from __future__ import annotations

import string

from stepwell.base import arn as arns
from stepwell.base.arn import Arn
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.base.ids import derived
from stepwell.services.registry import Call, operation
from stepwell.store import credentials

ID_ALPHABET = string.ascii_uppercase + "234567"
PREFIXES = {"assumed-role": "AROA", "role": "AROA", "user": "AIDA"}


@operation
def get_caller_identity(call: Call, request: Document) -> Document:  # noqa: ARG001 - every handler takes both
    return {
        "UserId": user_id(call),
        "Account": call.scope.account,
        "Arn": call.scope.principal or root_arn(call.scope.account),
    }


def root_arn(account: str) -> str:
    """The ARN of the account itself."""
    return f"arn:aws:iam::{account}:root"


def user_id(call: Call) -> str:
    """The caller's unique id: AROA…:session for a role's session, the account's number for the account itself."""
    caller = arns.parse(call.scope.principal)
    if caller is None or caller.kind not in PREFIXES:
        return call.scope.account
    if caller.kind != "assumed-role":
        return _derived(caller, caller.name)
    role, _, session = caller.name.partition("/")
    return f"{_role_id(call, caller, role)}:{session}"


def _role_id(call: Call, caller: Arn, name: str) -> str:
    """The id of the role in IAM; one made from its name when the role has been deleted meanwhile."""
    try:
        answer = call.call("iam", "GetRole", {"RoleName": name})
    except Fault as fault:
        if fault.code != "NoSuchEntity":
            raise
        return _derived(caller, name)
    return str(answer["Role"]["RoleId"])


def _derived(caller: Arn, name: str) -> str:
    return PREFIXES[caller.kind] + derived(17, caller.account, caller.kind, name, alphabet=ID_ALPHABET)


@operation
def get_access_key_info(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        found = credentials.find(connection, request["AccessKeyId"])
    if found is None:
        raise Fault("ValidationError", f"Invalid access key id: {request['AccessKeyId']} was not issued here.")
    return {"Account": found.account}
