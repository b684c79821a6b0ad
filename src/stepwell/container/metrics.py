"""Room container: metrics of a training job, as far as they can be had without reading anything. Pure.

In: MetricDefinitions as CreateTrainingJob takes them (spec 03, section 3). Out: what to search the log for, and the
FinalMetricDataList of what was found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from stepwell.base.documents import Document
from stepwell.container.metric_scanner import Pattern

Last = Mapping[str, tuple[float, float]]
"""The last value of each metric, and its moment in epoch seconds."""

_SCOPED_FLAGS = re.compile(r"\(\?[aiLmsux-]+[:)]")
_NAMED_GROUP = re.compile(r"(?<!\\)\(\?<(?=[A-Za-z_])")
_QUANTIFIER = re.compile(r"(?:[*+?]|\{\d*,?\d*\})[+?]?")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)


def patterns(definitions: Iterable[Document]) -> list[Pattern]:
    """What to search for. A group may be named as other languages do, without the P of Python."""
    expressions = [(each["Name"], _NAMED_GROUP.sub("(?P<", each["Regex"])) for each in definitions]
    return [Pattern(name, expression, needed_text(expression)) for name, expression in expressions]


def final_list(definitions: Iterable[Document], lasts: Iterable[Last]) -> list[Document]:
    """FinalMetricDataList: the last value of each metric on any host, in the order of the definitions."""
    latest: dict[str, tuple[float, float]] = {}
    for last in lasts:
        for name, (value, moment) in last.items():
            if name not in latest or latest[name][1] <= moment:
                latest[name] = (value, moment)
    names = [name for name in dict.fromkeys(each["Name"] for each in definitions) if name in latest]
    return [{"MetricName": name, "Value": latest[name][0], "Timestamp": latest[name][1]} for name in names]


def needed_text(expression: str) -> str:
    """The longest text that is certainly in every match of the expression; empty when none is certain.

    A log is searched for this first, which takes next to nothing. Whatever is not plainly a text is passed over:
    groups, classes, what a quantifier follows; an expression with alternatives or flags has no certain text.
    """
    if _SCOPED_FLAGS.search(expression):
        return ""
    texts, text, at = [""], "", 0
    while at < len(expression):
        plain, end = _part(expression, at)
        if plain == "|":
            return ""
        quantifier = _QUANTIFIER.match(expression, end)
        if plain is None or quantifier:
            texts.append(text)
            text = ""
        else:
            text += plain.removeprefix("\\")
        at = quantifier.end() if quantifier else end
    return max((*texts, text), key=len)


def _part(expression: str, at: int) -> tuple[str | None, int]:
    r"""What stands there, and where it ends: a character that means itself (`\|` with its backslash), `|` or None."""
    character = expression[at]
    match character:
        case "\\":
            escaped = expression[at + 1 : at + 2]
            is_plain = escaped.isascii() and escaped != "" and not escaped.isalnum()
            return (f"\\{escaped}" if is_plain else None), at + 2
        case "[":
            found = _CLASS.match(expression, at)
            return None, found.end() if found else len(expression)
        case "(":
            return None, _behind_group(expression, at)
        case "." | "^" | "$":
            return None, at + 1
        case _:
            return (character if character.isascii() else None), at + 1


def _behind_group(expression: str, at: int) -> int:
    depth = 0
    while at < len(expression):
        match expression[at]:
            case "\\":
                at += 1
            case "[":
                found = _CLASS.match(expression, at)
                at = found.end() - 1 if found else len(expression)
            case "(":
                depth += 1
            case ")":
                depth -= 1
                if depth == 0:
                    return at + 1
        at += 1
    return at
