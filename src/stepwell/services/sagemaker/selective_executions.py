"""Starting some steps of a pipeline alone: what may be selected, and the rows of what is taken from an earlier run.

No operations of its own: StartPipelineExecution asks here. Spec 02, section 9.
"""

from __future__ import annotations

from dataclasses import replace

from stepwell.base.documents import Document
from stepwell.base.faults import validation
from stepwell.definition.problems import did_you_mean
from stepwell.machines.pipeline_execution import FINAL, Plan
from stepwell.machines.pipeline_selection import selection
from stepwell.store import steps
from stepwell.store.database import Connection
from stepwell.store.resources import Resource
from stepwell.store.steps import Step


def wanted_steps(plan: Plan, config: Document) -> tuple[str, ...]:
    """Which earlier results the selected steps need. Raises ValidationException when they cannot run alone."""
    selected = frozenset(item["StepName"] for item in config["SelectedSteps"])
    for name in sorted(selected - plan.graph.requirements.keys()):
        raise validation(f"Selected step '{name}' is not a step of the pipeline.{did_you_mean(name, plan.rank)}")
    found = selection(plan.graph, plan.rank, selected)
    if found.missing:
        raise validation(
            f"The selected steps must be connected. Select also every step between them: {', '.join(found.missing)}."
        )
    if found.reused and "SourcePipelineExecutionArn" not in config:
        raise validation(
            "SourcePipelineExecutionArn is required: the selected steps need results of "
            f"{', '.join(found.reused)}, which are not selected."
        )
    return found.reused


def reused(
    connection: Connection, names: tuple[str, ...], source: Resource, source_arn: str, arn: str, now: float
) -> list[Step]:
    """The rows with which the new execution begins. Raises ValidationException unless all of them succeeded."""
    if source.status not in FINAL:
        raise validation(f"The source execution '{source_arn}' is {source.status}; it must have ended.")
    rows = []
    for name in names:
        step = steps.find(connection, source_arn, name)
        if step is None or step.status != "Succeeded":
            state = f"is {step.status}" if step else "was never reached"
            raise validation(f"The result of step '{name}' cannot be reused: in '{source_arn}' it {state}.")
        origin = step.source or source_arn
        rows.append(
            replace(step, execution=arn, started=now, ended=now, source=origin, is_reused=True, cache_key=None)
        )
    return rows
