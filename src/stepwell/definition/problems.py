"""Room definition: what is wrong with a definition, and where.

In: findings of the parser and of the checks. Out: Problem values (a JSON pointer and a sentence), and the one
DefinitionError a client sees, in the wording family of AWS: "Unable to parse pipeline definition. ...".
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from stepwell.base.faults import Fault

SHOWN = 20
"""How many problems one message spells out; the rest is counted, so that an answer stays readable."""

POINTED = 400
"""Characters of a pointer that a message repeats: its parts are names that the client chose."""

COMPARED = 300
"""How many names are compared for a hint: a definition full of wrong names must not cost minutes."""

BEGINNING, ENDING, WITHIN = 3, 4, 6
"""Characters from which on nothing else is meant by a name that begins with the word, with which the word begins or
ends, or that holds the word: Int means Integer, ConditionEquals means Equals, m5.large means ml.m5.large.
"""

LISTED = 12
"""How many values of an enumeration a message lists; instance types have hundreds."""

SURE, NEAR = 0.8, 0.65
"""How much two names must share (difflib's ratio) to be one and a slip of the pen, and to be worth a guess."""

EXPRESSIONS = ("Get", "Std:Join", "Std:JsonGet")
"""The keys by which an expression is told from any other object: it has one of them, and nothing else."""

Wanted: TypeAlias = Literal["array", "object", "text"]

_WANTED: Mapping[Wanted, tuple[str, str]] = {
    "array": (
        "Expecting start of Json Array.",
        "An expression cannot stand for an array: write it out; its elements may be expressions.",
    ),
    "object": (
        "Expecting start of Json Object.",
        "An expression cannot stand for an object: write it out; its values may be expressions.",
    ),
    "text": ("Expecting a Json String.", "No expression can stand here: write the text out."),
}
"""What is missing -> AWS's words for it (of arrays and objects), and what to do where an expression stands."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One finding. `pointer` is an RFC 6901 JSON pointer into the definition ("" is the whole of it)."""

    pointer: str
    message: str
    about: str = field(default="", compare=False)
    """The place that is meant where `pointer` cannot lead: a member that is missing."""

    def __str__(self) -> str:
        return f"{self.message} (at {shown(self.pointer, POINTED)})" if self.pointer else self.message

    @property
    def place(self) -> str:
        """Where what is wrong would stand."""
        return self.about or self.pointer


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
    """`value` as it may stand in a message: short, and printable; what would move a cursor stands as its escape."""
    text = str(value)
    text = text if len(text) <= length else text[: length - 3] + "..."
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def missing(pointer: str, member: str, advice: str = "") -> Problem:
    """That what `pointer` points at has no `member`, in AWS's words."""
    return Problem(pointer, f"Missing required member '{member}'{advice}", below(pointer, member))


def expecting(wanted: Wanted, found: object, *, is_expression: bool | None = None) -> str:
    """That `wanted` is missing where `found` stands. An expression is told by its key, unless the caller knows."""
    words, advice = _WANTED[wanted]
    if is_expression is None:
        is_expression = isinstance(found, dict) and len(found) == 1 and found.keys() <= set(EXPRESSIONS)
    return f"{words} {advice if is_expression else f'Found {described(found)}.'}"


def expecting_scalar(found: object) -> str:
    """That neither a scalar nor an expression stands where one of them must; `found` is an array or an object."""
    words = "Expecting a scalar value or an expression."
    keys = list(found) if isinstance(found, dict) else []
    meant = next((key for key in keys if key in EXPRESSIONS), None)
    if meant is not None and len(keys) > 1:
        return f"{words} Beside '{meant}' an expression has no other member."
    hint = did_you_mean(keys[0], EXPRESSIONS) or did_you_mean(f"Std:{keys[0]}", EXPRESSIONS) if len(keys) == 1 else ""
    return f"{words}{hint or f' Found {described(found)}.'}"


def described(value: object) -> str:
    """What a JSON value is, for a message: scalars are shown, the others named."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {shown(value)}"
        case str():
            return f"the text '{shown(value)}'"
        case list():
            return "an array"
        case _:
            return "an object"


def among(allowed: Sequence[str]) -> str:
    """`allowed` in brackets; of a long enumeration only the beginning, and how many there are."""
    rest = f", … {len(allowed)} in all" if len(allowed) > LISTED else ""
    return f"[{', '.join(shown(one) for one in allowed[:LISTED])}{rest}]"


def suggestion(word: str, known: Collection[str], most: int = LISTED) -> str:
    """What may have been meant, with a leading blank: the name of which `word` is a slip, all names if there are at
    most so many, or the nearest one; "" when none is near.
    """
    listing = f" Known: {', '.join(shown(name) for name in known)}." if 0 < len(known) <= most else ""
    return did_you_mean(word, known, SURE) or listing or did_you_mean(word, known)


def did_you_mean(word: str, known: Iterable[str], share: float = NEAR) -> str:
    """The hint " Did you mean ...?", with its leading blank, for the nearest of `known`; "" when none is near."""
    by_lower = {name.lower(): name for name in itertools.islice(known, COMPARED)}
    wanted = word[:80].lower()
    nearest = (
        _holding(wanted, by_lower)
        or difflib.get_close_matches(wanted, by_lower, n=1, cutoff=SURE)
        or _held(wanted, by_lower)
        or difflib.get_close_matches(wanted, by_lower, n=1, cutoff=share)
    )
    return f" Did you mean '{by_lower[nearest[0]]}'?" if nearest else ""


def _holding(word: str, names: Iterable[str]) -> list[str]:
    """The names of which `word` is the beginning, or a good part; the best first."""
    found = (
        name
        for name in names
        if (len(word) >= BEGINNING and name.startswith(word)) or (len(word) >= WITHIN and word in name)
    )
    return sorted(found, key=len)


def _held(word: str, names: Iterable[str]) -> list[str]:
    """The names with which `word` begins or ends; the best first."""
    found = (name for name in names if len(name) >= ENDING and (word.startswith(name) or word.endswith(name)))
    return sorted(found, key=len, reverse=True)
