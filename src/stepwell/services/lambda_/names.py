"""The ways to name a function: `name`, `name:qualifier`, a partial ARN, a full ARN. In: a text. Out: a Reference.

The grammar is that of FunctionName in the Lambda API Reference; an ARN of another region is refused as AWS does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stepwell.base.arn import Scope
from stepwell.services.lambda_ import faults

LATEST = "$LATEST"

_REFERENCE = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:)?"
    r"(?:(?P<region>(?:eusc-)?[a-z]{2}(?:-[a-z]+){1,2}-\d):)?"
    r"(?:(?P<account>\d{12}):)?"
    r"(?:function:)?"
    r"(?P<name>[a-zA-Z0-9_.-]+)"
    r"(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9_-]+))?"
)


@dataclass(frozen=True, slots=True)
class Reference:
    """A function, and which of it: a version, an alias, or nothing said ("")."""

    name: str
    qualifier: str = ""


def reference(scope: Scope, text: str, qualifier: str | None = None) -> Reference:
    """What `text`, and a Qualifier beside it, name for a caller of `scope`. Raises Fault."""
    found = _REFERENCE.fullmatch(text)
    if found is None:
        raise faults.invalid(f"{text} is not a valid function name or ARN")
    region, account = found["region"] or scope.region, found["account"] or scope.account
    if region != scope.region:
        raise faults.not_found(f"Functions from '{region}' are not reachable in this region ('{scope.region}')")
    if account != scope.account:
        raise faults.function_not_found(text)
    inside = found["qualifier"] or ""
    if qualifier and inside and qualifier != inside:
        raise faults.invalid("The derived qualifier from the function name does not match the specified qualifier.")
    return Reference(found["name"], qualifier or inside)


def function_arn(scope: Scope, name: str, qualifier: str = "") -> str:
    """The ARN of a function, or of a version or alias of it."""
    return scope.arn("lambda", f"function:{name}:{qualifier}" if qualifier else f"function:{name}")
