"""What the invariants look at more closely: what was made, read, taken from elsewhere, and answered.

In: a Run and its World. Out: facts, found in the listing and in what the outside world has seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from callback_worker import Answer, Worker
from order import ENDED
from runs import Run
from world import World

Entry = dict[str, Any]


def made_too_often(world: World, run: Run, kind: str) -> list[str]:
    """Steps that have made more of that kind than they had attempts."""
    counts = Counter(made.step for made in world.outside.made if made.kind == kind and made.execution == run.id)
    attempts = {name: entry["AttemptCount"] for name, entry in run.entries.items()}
    return [step for step, count in counts.items() if count > attempts.get(step, count)]


def is_taken(entry: Entry) -> bool:
    """Whether the step's result is that of another execution."""
    return "CacheHitResult" in entry or "SelectiveExecutionResult" in entry


def written(world: World, run: Run, reader: str, key: str) -> str | None:
    """What the step that `key` names has written, as the listing shows it."""
    source, _, body = key.partition("_")
    _, index = run.order.pattern(reader)
    entries = run.entries
    reused = entries.get(source, {}).get("SelectiveExecutionResult")
    if body and reused:
        (entries,) = (world.entries(each) for each in world.runs if each.arn == reused["SourcePipelineExecutionArn"])
    if body:
        source = f"{body}-0"
    elif source in run.order.loop_of:
        source = f"{source}-{index}"
    metadata = entries.get(source, {}).get("Metadata", {})
    match metadata:
        case {"ProcessingJob": {"Arn": str(arn)}}:
            return arn.rpartition("/")[2]
        case {"Condition": {"Outcome": str(outcome)}}:
            return outcome.lower()
        case {"Lambda": {"OutputParameters": outputs}} | {"Callback": {"OutputParameters": outputs}}:
            return next((output["Value"] for output in outputs if output["Name"] == "text"), None)
        case _:
            return None


def answered_otherwise(worker: Worker, run: Run) -> Iterator[object]:
    """Callback steps that have ended in another way than their worker said."""
    for name, entry in run.entries.items():
        answer = worker.answers.get(entry["Metadata"].get("Callback", {}).get("CallbackToken"))
        status = entry["StepStatus"]
        is_over = status in ENDED and not (status == "Stopped" and run.was_stopped)
        if answer is not None and is_over and not _is_as_answered(entry, answer):
            yield name, status, answer


def _is_as_answered(entry: Entry, answer: Answer) -> bool:
    match entry["StepStatus"]:
        case "Succeeded":
            shown = {
                each["Name"]: each["Value"].lower() for each in entry["Metadata"]["Callback"]["OutputParameters"]
            }
            return shown == {name: value.lower() for name, value in answer.outputs.items()}
        case "Failed" if answer.is_success:
            return not answer.outputs  # which the step declares
        case status:
            return bool(status == "Failed" and entry["FailureReason"] == answer.reason)
