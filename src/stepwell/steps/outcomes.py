"""Room steps: how what a step made has ended, read from its Describe response.

In: the response, and which member holds the status. Out: Succeeded, Failed or Stopped; None while it still runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from stepwell.base.documents import Document


@dataclass(frozen=True, slots=True)
class Succeeded:
    """It did what it should; the response is from now on the properties of the step."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It failed; `reason` is its own FailureReason, not yet the step's (reasons.job_failed makes that)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """It was stopped, by us, by somebody else, or because it ran too long."""


Outcome: TypeAlias = Succeeded | Failed | Stopped


def at_once(_: Document) -> Outcome | None:
    """Of nouns that exist as soon as they are created."""
    return Succeeded()


def by_status(member: str) -> Callable[[Document], Outcome | None]:
    """Of jobs: `member` of the response is one of Completed, Failed, Stopped, or something on the way."""

    def outcome(response: Document) -> Outcome | None:
        match response.get(member):
            case "Completed":
                return Succeeded()
            case "Failed":
                return Failed(str(response.get("FailureReason") or "No failure reason was given."))
            case "Stopped":
                return Stopped()
            case _:
                return None

    return outcome
