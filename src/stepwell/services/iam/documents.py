"""Policy documents: JSON that must look like a policy, and the form in which IAM gives it back.

In: the text of a request. Out: nothing, or MalformedPolicyDocument. Documents are kept as they were written.
Grammar: IAM User Guide, "Grammar of the IAM JSON policy language".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeGuard
from urllib.parse import quote

from stepwell.base.faults import Fault

VERSIONS = frozenset({"2012-10-17", "2008-10-17"})
TRUST_ACTIONS = ("sts:", "*")


def check_policy(text: str) -> None:
    """Raises MalformedPolicyDocument unless `text` is a policy that says what may be done to which resources."""
    for statement in _statements(text):
        if "Principal" in statement or "NotPrincipal" in statement:
            raise _malformed("Policy document should not specify a principal.")
        if not {"Resource", "NotResource"} & statement.keys():
            raise _malformed("Policy statement must contain resources.")


def check_trust_policy(text: str) -> None:
    """Raises MalformedPolicyDocument unless `text` is a policy that says who may assume a role."""
    for statement in _statements(text):
        if not {"Principal", "NotPrincipal"} & statement.keys():
            raise _malformed("Missing required field Principal")
        if {"Resource", "NotResource"} & statement.keys():
            raise _malformed("Has prohibited field Resource")
        for action in _texts(statement.get("Action", [])):
            if not action.lower().startswith(TRUST_ACTIONS):
                raise _malformed("AssumeRole policy may only specify STS AssumeRole actions.")


def encoded(text: str) -> str:
    """A document as IAM's answers carry it: URL-encoded (RFC 3986), which SDKs undo."""
    return quote(text, safe="")


def _statements(text: str) -> list[Mapping[str, object]]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise _malformed("Syntax errors in policy.") from None
    if not isinstance(document, dict) or document.get("Version", "2008-10-17") not in VERSIONS:
        raise _malformed("Syntax errors in policy.")
    found = document.get("Statement")
    listed = found if isinstance(found, list) else [found]
    statements = [statement for statement in listed if _is_statement(statement)]
    if not statements or len(statements) < len(listed):
        raise _malformed("Syntax errors in policy.")
    return statements


def _is_statement(statement: object) -> TypeGuard[Mapping[str, object]]:
    if not isinstance(statement, Mapping) or statement.get("Effect") not in ("Allow", "Deny"):
        return False
    return len({"Action", "NotAction"} & statement.keys()) == 1


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _malformed(problem: str) -> Fault:
    return Fault("MalformedPolicyDocument", problem)
