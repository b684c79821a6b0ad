"""Room definition: how the parser takes JSON values apart.

In: a JSON value and its pointer. Out: the value with the type that was expected, or a harmless stand-in and one
more noted Problem, so that a single pass finds everything.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from stepwell.definition.json_text import JSON
from stepwell.definition.problems import SHOWN, Problem, below, expecting, missing, shown, suggestion


@dataclass(slots=True)
class Reading:
    """One pass over a definition and the problems found so far."""

    problems: list[Problem] = field(default_factory=list)

    def refuse(self, pointer: str, message: str) -> None:
        self.problems.append(Problem(pointer, message))

    def mapping(self, value: JSON, pointer: str) -> dict[str, JSON]:
        """`value` as an object; anything else is refused and read as an empty one."""
        if isinstance(value, dict):
            return value
        self.refuse(pointer, expecting("object", value))
        return {}

    def array(self, value: JSON, pointer: str) -> list[JSON]:
        """`value` as an array; anything else is refused and read as an empty one."""
        if isinstance(value, list):
            return value
        self.refuse(pointer, expecting("array", value))
        return []

    def text(self, value: JSON, pointer: str) -> str:
        """`value` as a string; anything else is refused and read as an empty one."""
        if isinstance(value, str):
            return value
        self.refuse(pointer, expecting("text", value))
        return ""

    def optional_array(self, document: dict[str, JSON], member: str, pointer: str) -> list[JSON]:
        """The array `member`; absent or null is empty."""
        value = document.get(member)
        return [] if value is None else self.array(value, below(pointer, member))

    def optional_text(self, document: dict[str, JSON], member: str, pointer: str) -> str | None:
        """The string `member`; absent or null is None."""
        value = document.get(member)
        return None if value is None else self.text(value, below(pointer, member))

    def required(self, document: dict[str, JSON], member: str, pointer: str) -> JSON:
        """The value of `member`; None, and a problem, when it is absent or null."""
        value = document.get(member)
        if value is None:
            self.problems.append(missing(pointer, member))
        return value

    def required_text(self, document: dict[str, JSON], member: str, pointer: str) -> str:
        """The string `member`, which must be there."""
        value = self.required(document, member, pointer)
        return "" if value is None else self.text(value, below(pointer, member))

    def required_array(self, document: dict[str, JSON], member: str, pointer: str) -> list[JSON]:
        """The array `member`, which must be there."""
        value = self.required(document, member, pointer)
        return [] if value is None else self.array(value, below(pointer, member))

    def only(self, document: dict[str, JSON], known: Collection[str], pointer: str, noun: str = "") -> None:
        """Refuse the members of `document` that are not `known`; `noun` is AWS's, as in "Unknown Argument member"."""
        for member in document:
            if member not in known:
                words = f"Unknown {noun + ' ' if noun else ''}member '{shown(member)}'"
                hint = suggestion(member, known) if len(self.problems) < SHOWN else ""
                self.refuse(below(pointer, member), f"{words}.{hint}" if hint else words)
