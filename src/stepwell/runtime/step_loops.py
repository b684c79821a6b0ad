"""Room runtime: ForEach steps. In: a step. Out: its items, and in the end what its turns came to.

The machine makes the steps of each turn; they are rows like all others, named <body>-<index>. Spec 01, section 6.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from stepwell.base.documents import Document
from stepwell.definition.expressions import Tree
from stepwell.definition.json_text import JSON
from stepwell.definition.loops import Selector, items_of
from stepwell.definition.paths import PathError, get_through_text
from stepwell.definition.resolve import ResolutionError, as_text, resolve
from stepwell.machines.pipeline_state import child_name
from stepwell.runtime.pipeline_sessions import Change
from stepwell.runtime.step_contexts import Context, Prepared
from stepwell.steps import reasons
from stepwell.store.steps import Step

LONGEST_ITEM = 12_800
"""Characters of IterationContext.Item."""


class Loops:
    """Meets step_contexts.Performer."""

    def prepare(self, context: Context, step: Step, now: float) -> Prepared:
        loop, values = context.defined(step).loop, context.values(step, now)
        assert loop is not None
        given: Tree = [*loop.items] if isinstance(loop.items, tuple) else loop.items
        items = items_of(resolve(given, values))
        if items is None:
            raise ResolutionError("IterableItems must come to a JSON list.")
        return Prepared({"Items": items})

    def create(self, context: Context, step: Step, prepared: Prepared, now: float) -> Change:
        items = prepared.key_source["Items"]
        begun = replace(step, status="Executing", retry_at=None, items=items)
        return Change(begun) if items else finish(context, begun, "Succeeded", now)

    def observe(self, context: Context, step: Step, now: float) -> Change | None:
        """Nothing of its own: what its turns make is observed."""
        del context, step, now
        return None

    def stop(self, context: Context, step: Step, now: float) -> Change:
        """The steps of its turns are stopped; then it is finished."""
        if step.items is None:
            return Change(step.with_end("Stopped", now))
        del context
        return Change(replace(step, status="Stopping"))

    def made(self, context: Context, step: Step) -> str | None:
        """Nobody signals anything."""
        del context, step
        return None


def turn_of(loop: Step, body: str, index: int) -> Document:
    """What the row of a step says that a loop makes."""
    item = (loop.items or [])[index]
    text = _text(item)
    return {"ParentStepName": loop.name, "Index": index, "Item": text[:LONGEST_ITEM], "Body": body}


def finish(context: Context, step: Step, status: str, now: float) -> Change:
    """The end of the loop, now that nothing of its turns is left to do."""
    bodies = context.session.execution.plan.bodies[step.name].steps
    made = [child_name(body, index) for index in range(len(step.items or ())) for body in bodies]
    standing = context.session.steps
    counts = Counter(standing[name].status for name in made if name in standing)
    shown: Document = {
        "Status": status,
        "InputItemCount": len(step.items or ()),
        "TotalStepCount": sum(counts.values()),
        **{f"{word}StepCount": counts[word] for word in ("Succeeded", "Failed", "Stopped")},
    }
    if status != "Succeeded":
        reason = f"{counts['Failed']} of {shown['TotalStepCount']} steps of the loop failed."
        ended = replace(step, metadata={"ForEach": shown})
        return Change(ended.with_end(status, now, reason=reasons.limited(reason) if status == "Failed" else None))
    outputs = [
        {body: context.properties(child_name(body, index)) for body in bodies}
        for index in range(len(step.items or ()))
    ]
    properties: Document = {**shown, "IterationOutputs": outputs}
    selector = loop.selector if (loop := context.defined(step).loop) else None
    if selector is not None and outputs:
        index = _picked(selector, outputs)
        properties["Selected"] = outputs[index][selector.field.name]
        shown["Selector"] = {"StepName": child_name(selector.field.name, index), "Index": index}
    return Change(replace(step, metadata={"ForEach": shown}).with_end("Succeeded", now, properties=properties))


def _picked(selector: Selector, outputs: Sequence[Mapping[str, JSON]]) -> int:
    """The turn whose field is the greatest or the least; the first of equals. Raises ResolutionError."""
    fields = [_number(selector, output.get(selector.field.name), index) for index, output in enumerate(outputs)]
    best = max(fields) if selector.pick == "MaxBy" else min(fields)
    return fields.index(best)


def _number(selector: Selector, properties: JSON, index: int) -> float:
    try:
        return float(as_text(get_through_text(properties, selector.field.parts)))  # type: ignore[arg-type]
    except (PathError, TypeError, ValueError) as error:
        raise ResolutionError(f"Selector: {selector.field} is no number in turn {index}.") from error


def _text(item: object) -> str:
    return item if isinstance(item, str) else json.dumps(item, separators=(",", ":"))
