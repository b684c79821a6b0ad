"""What a person sees of the demo's executions: progress as it happens, the table at the end, why a step failed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from rich.console import Console
from rich.live import Live
from rich.table import Column, Table

from stepwell.base import clock
from stepwell.cli.demo_client import Disproof

LOG_GROUPS = {"ProcessingJob": "/aws/sagemaker/ProcessingJobs", "TrainingJob": "/aws/sagemaker/TrainingJobs"}
COLOURS = {"Succeeded": "green", "Executing": "cyan", "Starting": "cyan", "Failed": "red", "Stopped": "yellow"}
LOOK_SECONDS = 0.25

Answer: TypeAlias = dict[str, Any]


def follow(console: Console, sagemaker: Any, arn: str, timeout: float) -> str:
    """Show the steps' progress until the execution has ended; answers its status."""
    deadline = clock.monotonic() + timeout
    types = step_types(sagemaker, arn)
    seen: dict[str, str] = {}
    with Live(console=console, transient=True, auto_refresh=False) as live:
        while clock.monotonic() < deadline:
            status = str(sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"])
            steps = list_steps(sagemaker, arn)
            if console.is_terminal:
                live.update(step_table(types, steps, waiting=True), refresh=True)
            else:
                print_changes(console, seen, steps)
            if status not in ("Executing", "Stopping"):
                return status
            clock.sleep(LOOK_SECONDS)
    raise Disproof(f"the execution is still {status} after {timeout:g} s")


def print_changes(console: Console, seen: dict[str, str], steps: list[Answer]) -> None:
    """One line for every step whose status is not the one in `seen`, which is brought up to date."""
    for step in steps:
        name, status = step["StepName"], step["StepStatus"]
        if seen.get(name) != status:
            seen[name] = status
            console.print(f"  {name:<22} {status:<10} {seconds(step):6.1f} s", highlight=False)


def list_steps(sagemaker: Any, arn: str) -> list[Answer]:
    """The steps that have started, oldest first."""
    pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
        PipelineExecutionArn=arn, SortOrder="Ascending"
    )
    return [step for page in pages for step in page["PipelineExecutionSteps"]]


def step_types(sagemaker: Any, arn: str) -> dict[str, str]:
    """Type by name of every step in the execution's definition, those of branches too."""
    text = sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)["PipelineDefinition"]
    return dict(walk(json.loads(text)["Steps"]))


def walk(steps: list[Answer]) -> Iterator[tuple[str, str]]:
    for step in steps:
        yield step["Name"], step["Type"]
        for branch in ("IfSteps", "ElseSteps"):
            yield from walk(step["Arguments"].get(branch, []))


def step_table(types: Mapping[str, str], steps: list[Answer], *, waiting: bool) -> Table:
    """Step, type, status, duration, job name; with `waiting`, also the steps that have not started."""
    table = Table(Column("Step", min_width=20), "Type", "Status", "Duration", Column("Job", overflow="fold"))
    for step in steps:
        status = step["StepStatus"]
        table.add_row(
            step["StepName"],
            types.get(step["StepName"], ""),
            f"[{COLOURS.get(status, 'white')}]{status}[/]",
            f"{seconds(step):.1f} s",
            job_name(step),
        )
    started = {step["StepName"] for step in steps}
    for name in types if waiting else ():
        if name not in started:
            table.add_row(name, types[name], "[dim]-[/]", "", "")
    return table


def seconds(step: Answer) -> float:
    """How long a step has taken so far."""
    end = step["EndTime"].timestamp() if "EndTime" in step else clock.now()
    return max(0.0, float(end - step["StartTime"].timestamp()))


def job_name(step: Answer) -> str:
    """The name of what the step made (`churn/1` of a model package), or a condition's outcome."""
    for made in step.get("Metadata", {}).values():
        return str(made["Arn"].partition("/")[2] if "Arn" in made else made.get("Outcome", ""))
    return ""


def show_failures(console: Console, logs: Any, steps: list[Answer]) -> None:
    """The reasons and the last log lines of the steps that failed."""
    for step in steps:
        if step["StepStatus"] != "Failed":
            continue
        console.print(f"[red]{step['StepName']}[/]: {step.get('FailureReason', '')}", highlight=False)
        for kind in LOG_GROUPS.keys() & step.get("Metadata", {}).keys():
            for line in log_lines(logs, LOG_GROUPS[kind], job_name(step)):
                console.print(f"  {line}", highlight=False, markup=False)


def log_lines(logs: Any, group: str, job: str) -> list[str]:
    """The last log lines of a job."""
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/")["logStreams"]
    lines = []
    for stream in streams:
        page = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], limit=40)
        lines += [event["message"] for event in page["events"]]
    return lines


def tail(text: str, count: int = 25) -> str:
    """The last `count` lines of `text`."""
    return "\n".join(text.splitlines()[-count:])
