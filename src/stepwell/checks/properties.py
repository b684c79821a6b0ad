"""Room checks: property paths exist in what describes the step they read. Spec 01, section 4.

The Describe operation's output says which members there are, so a wrong path is refused before anything runs.
"""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.checks.property_forms import PathLeadsNowhereError
from stepwell.checks.running import Subject
from stepwell.definition.paths import Path
from stepwell.definition.problems import Problem, shown
from stepwell.definition.references import Reference


def check(subject: Subject) -> Iterator[Problem]:
    """One problem for each path that leads nowhere."""
    for references in subject.references.values():
        for reference in references:
            yield from _led(reference, subject)


def _led(reference: Reference, subject: Subject) -> Iterator[Problem]:
    match reference.target:
        case Path("Steps" | "IterationOutput", name, parts) if name in subject.pipeline.named:
            try:
                subject.properties.at(subject.pipeline.named[name], parts)
            except PathLeadsNowhereError as wrong:
                message = f"Invalid property '{shown(reference.target)}': {wrong}"
                yield Problem(reference.pointer, message)
        case _:
            pass
