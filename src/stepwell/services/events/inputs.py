"""Room services: what of an event a target gets. In: a target and an event. Out: the text for the target. Pure.

Source: EventBridge user guide, "Input transformation". A path is `$`, names and indexes. A transformer's template is
JSON with `<name>` in place of values, or plain text; where a variable has no value, JSON gets null and text nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from stepwell.base.documents import Document

_STEP = re.compile(r"\.([A-Za-z0-9_\-]+)|\['([^']+)'\]|\[\"([^\"]+)\"\]|\[([0-9]+)\]")
_VARIABLE = re.compile(r"<([A-Za-z0-9_.\-]+)>")


@dataclass(frozen=True, slots=True)
class Origin:
    """The rule through which the event comes, for the variables that name it. `time` is ISO 8601."""

    rule_arn: str
    rule_name: str
    time: str


def payload(target: Document, event: Document, origin: Origin) -> str:
    """The JSON text (or plain text of a template) that the target gets."""
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        return written(at_path(event, target["InputPath"]))
    if "InputTransformer" in target:
        return _transformed(target["InputTransformer"], event, origin)
    return written(event)


def written(value: object) -> str:
    """`value` as JSON text."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def is_path(path: str) -> bool:
    """Whether `path` is a JSON path that `at_path` can walk."""
    return _steps(path) is not None


def at_path(event: object, path: str) -> object:
    """What stands there; None when nothing does."""
    found = event
    for step in _steps(path) or ():
        if isinstance(step, int):
            found = found[step] if isinstance(found, list) and step < len(found) else None
        else:
            found = found.get(step) if isinstance(found, dict) else None
    return found


def _steps(path: str) -> list[str | int] | None:
    if not path.startswith("$"):
        return None
    steps: list[str | int] = []
    place = 1
    while place < len(path):
        found = _STEP.match(path, place)
        if found is None:
            return None
        steps.append(int(found[4]) if found[4] else found[1] or found[2] or found[3])
        place = found.end()
    return steps


def _transformed(transformer: Document, event: Document, origin: Origin) -> str:
    template: str = transformer["InputTemplate"]
    values = {name: at_path(event, path) for name, path in transformer.get("InputPathsMap", {}).items()}
    known = {
        **values,
        "aws.events.rule-arn": origin.rule_arn,
        "aws.events.rule-name": origin.rule_name,
        "aws.events.event.ingestion-time": origin.time,
        "aws.events.event": {name: value for name, value in event.items() if name != "detail"},
        "aws.events.event.json": event,
    }
    return filled(template, known)


def filled(template: str, values: Mapping[str, object]) -> str:
    """The template with its variables' values. A name in `<>` that is no variable stays as it is."""
    is_json = template.lstrip()[:1] in ("{", "[", '"', "<")
    pieces: list[str] = []
    place, quoted = 0, False
    for found in _VARIABLE.finditer(template):
        before = template[place : found.start()]
        quoted ^= _has_odd_quotes(before)
        pieces.append(before)
        if found[1] in values:
            pieces.append(_shown(values[found[1]], is_json=is_json, quoted=quoted))
        else:
            pieces.append(found[0])
        place = found.end()
    return "".join([*pieces, template[place:]])


def _shown(value: object, *, is_json: bool, quoted: bool) -> str:
    if is_json and not quoted:
        return written(value)
    text = "" if value is None else value if isinstance(value, str) else written(value)
    return written(text)[1:-1] if is_json else text


def _has_odd_quotes(text: str) -> bool:
    return len(re.findall(r'(?<!\\)(?:\\\\)*"', text)) % 2 == 1
