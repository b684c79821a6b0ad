"""Room services: the language of event patterns. In: a pattern's text, an event. Out: whether the event fits. Pure.

A pattern is an object whose fields hold lists of matchers or further objects; all fields must fit, one matcher of
each list is enough, and `$or` holds objects of which one must fit. A list in an event stands for each of its
elements; what a nested pattern asks for must be found in one and the same element.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias, cast

from stepwell.base.documents import Document
from stepwell.services.events.match_expressions import Expressions
from stepwell.services.events.matchers import Exists, Leaf, Matcher, fits
from stepwell.services.events.pattern_text import Entry, Node, PatternError, read

__all__ = ["Pattern", "PatternError", "compiled", "matches"]

OR = "$or"
RESERVED = frozenset(
    {
        "exactly",
        "prefix",
        "suffix",
        "equals-ignore-case",
        "anything-but",
        "exists",
        "wildcard",
        "numeric",
        "cidr",
        "regex",
        "=",
        "<",
        "<=",
        ">",
        ">=",
    }
)
"""Names that no field inside `$or` may have."""

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Pattern:
    """An object of a pattern: what its fields ask for, and the alternatives of its `$or`."""

    fields: tuple[tuple[str, Wanted], ...]
    alternatives: tuple[Pattern, ...] = ()


Wanted: TypeAlias = "Pattern | tuple[Matcher, ...]"


@lru_cache(maxsize=1024)
def compiled(text: str) -> Pattern:
    """The pattern of that text. Raises PatternError."""
    node = read(text)
    expressions = Expressions(text)
    if node.kind != "object":
        expressions.refuse("Filter is not an object", node.at)
    return _object(node, expressions)


def matches(pattern: Pattern, event: Document) -> bool:
    """Whether the event is one that the pattern asks for."""
    return _object_fits(pattern, event)


def _object(node: Node, expressions: Expressions, *, inside_or: bool = False) -> Pattern:
    fields: dict[str, Wanted] = {}
    alternatives: tuple[Pattern, ...] = ()
    entries = cast("tuple[Entry, ...]", node.value)
    if not entries:
        expressions.refuse("Empty objects are not allowed", node.end)
    for entry in entries:
        behind = entry.at + len(entry.name) + 1
        if entry.name in fields or (entry.name == OR and alternatives):
            expressions.refuse(f"Path `{entry.name}` cannot be allowed multiple times", behind)
        if inside_or and entry.name in RESERVED:
            expressions.refuse(f"{entry.name} is Ruler reserved fieldName which cannot be used inside {OR}.", behind)
        if entry.name == OR:
            alternatives = _alternatives(entry.node, expressions)
        else:
            fields[entry.name] = _wanted(entry, expressions)
    return Pattern(tuple(fields.items()), alternatives)


def _wanted(entry: Entry, expressions: Expressions) -> Wanted:
    match entry.node.kind:
        case "object":
            return _object(entry.node, expressions)
        case "scalar":
            expressions.refuse(f'"{entry.name}" must be an object or an array', entry.node.at)
    nodes = cast("tuple[Node, ...]", entry.node.value)
    if not nodes:
        expressions.refuse("Empty arrays are not allowed", entry.node.end)
    return tuple(expressions.matcher(node) for node in nodes)


def _alternatives(node: Node, expressions: Expressions) -> tuple[Pattern, ...]:
    if node.kind != "array":
        expressions.refuse(f"It must be an Array followed with {OR}.", node.at)
    nodes = cast("tuple[Node, ...]", node.value)
    for each in nodes:
        if each.kind != "object":
            expressions.refuse(f"Only JSON object is allowed in array of {OR} relationship.", each.at)
    found = tuple(_object(each, expressions, inside_or=True) for each in nodes)
    if len(found) < 2:
        expressions.refuse(f"There must have at least 2 Objects in {OR} relationship.", node.end)
    return found


def _object_fits(pattern: Pattern, value: object) -> bool:
    members: Document = value if isinstance(value, dict) else {}
    if not all(_field_fits(wanted, members.get(name, _ABSENT)) for name, wanted in pattern.fields):
        return False
    return not pattern.alternatives or any(_object_fits(each, members) for each in pattern.alternatives)


def _field_fits(wanted: Wanted, value: object) -> bool:
    if isinstance(wanted, Pattern):
        elements = _elements(value)
        return any(_object_fits(wanted, each) for each in elements or ({},))
    leaves = [each for each in _elements(value) if not isinstance(each, dict)]
    if not leaves:
        return Exists(False) in wanted
    return any(fits(matcher, cast(Leaf, leaf)) for matcher in wanted for leaf in leaves)


def _elements(value: object) -> list[object]:
    """A list stands for what it holds, lists in it as well; what is absent stands for nothing."""
    if value is _ABSENT:
        return []
    if not isinstance(value, list):
        return [value]
    return [element for each in value for element in _elements(each)]
