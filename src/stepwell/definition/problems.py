"""Room definition: what is wrong with a definition, and where.

In: findings of the parser and of the checks. Out: Problem values (a JSON pointer and a sentence), and the one
DefinitionError a client sees, in the wording family of AWS: "Unable to parse pipeline definition. ...".
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stepwell.base.faults import Fault

SHOWN = 20
"""How many problems one message spells out; the rest is counted, so that an answer stays readable."""

COMPARED = 300
"""How many names are compared for a hint: a definition full of wrong names must not cost minutes."""

WHOLE_WORD = 6
"""Characters from which on a name that holds the word is nearer than any other: m5.large means ml.m5.large."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One finding. `pointer` is an RFC 6901 JSON pointer into the definition ("" is the whole of it)."""

    pointer: str
    message: str

    def __str__(self) -> str:
        return f"{self.message} (at {self.pointer})" if self.pointer else self.message


class DefinitionError(Fault):
    """The definition is refused; `problems` says all that is wrong with it, at least one thing."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("ValidationException", "Unable to parse pipeline definition. " + _told(problems))
        self.problems = tuple(problems)


def _told(problems: Sequence[Problem]) -> str:
    rest = len(problems) - SHOWN
    told = [str(problem) for problem in problems[:SHOWN]]
    return "; ".join([*told, f"and at least {rest} more."] if rest > 0 else told)


def below(pointer: str, *keys: str | int) -> str:
    """The pointer of a member or element of what `pointer` points at."""
    for key in keys:
        text = str(key)
        if "~" in text or "/" in text:
            text = text.replace("~", "~0").replace("/", "~1")
        pointer = f"{pointer}/{text}"
    return pointer


def shown(value: object, length: int = 80) -> str:
    """`value` as it may stand in a message: short, and printable."""
    text = str(value).encode("utf-8", "replace").decode()
    return text if len(text) <= length else text[: length - 3] + "..."


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The hint " Did you mean ...?", with its leading blank, for the nearest of `known`; "" when none is near."""
    by_lower = {name.lower(): name for name in itertools.islice(known, COMPARED)}
    wanted = word[:80].lower()
    whole = sorted((name for name in by_lower if len(wanted) >= WHOLE_WORD and wanted in name), key=len)
    nearest = whole[:1] or difflib.get_close_matches(wanted, by_lower, n=1)
    return f" Did you mean '{by_lower[nearest[0]]}'?" if nearest else ""
