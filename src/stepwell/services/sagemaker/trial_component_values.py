"""What may stand in a trial component: parameters, artifacts, times. In: members of a request. Out: merged members.

The service model bounds one request; what several requests make together is bounded here by the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping

from stepwell.base.documents import Document
from stepwell.base.faults import validation
from stepwell.machines.metric_summaries import finite

MOST = {"Parameters": 300, "InputArtifacts": 60, "OutputArtifacts": 60}
"""The model's bounds, which hold for the component as well."""
LATEST = 253402300799.0
"""The last second of the year 9999: what clients can show."""


def check(request: Document) -> None:
    """Raises one ValidationException that names all that is wrong with the values of a request."""
    problems = [
        problem
        for name, value in request.get("Parameters", {}).items()
        if (problem := _parameter_problem(name, value)) is not None
    ]
    for member in ("StartTime", "EndTime"):
        if member in request and not 0 <= request[member] <= LATEST:
            problems.append(f"{member} must lie between the years 1970 and 9999.")
    if problems:
        raise validation(" ".join(problems))


def merged(document: Document, request: Document) -> Document:
    """The maps of `document` after the request: what is given is added or replaced, then what is named removed.

    Raises ValidationException when a map gets too large.
    """
    found: Document = {}
    for member, most in MOST.items():
        removed = request.get(f"{member}ToRemove", ())
        if member not in request and not removed:
            continue
        whole: Mapping[str, Document] = {**document.get(member, {}), **request.get(member, {})}
        found[member] = {name: value for name, value in whole.items() if name not in removed}
        if len(found[member]) > most:
            raise validation(
                f"A trial component can have at most {most} {member}; it would have {len(found[member])}."
            )
    return found


def _parameter_problem(name: str, value: Document) -> str | None:
    if len(value) != 1:
        return f"Parameter '{name}' must have exactly one of StringValue and NumberValue."
    if finite(value.get("NumberValue", 0.0)) is None:
        return f"The NumberValue of parameter '{name}' must be a finite number, not {str(value['NumberValue'])[:40]}."
    return None
