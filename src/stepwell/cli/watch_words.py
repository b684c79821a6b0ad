"""What `stepwell watch` says of what it sees, in words: for tables and for lines alike. Pure.

Texts that come from pipelines and jobs pass `printable`: none of them may steer the terminal.
"""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.machines.job_queue import Room
from stepwell.machines.job_waiting import GIB
from stepwell.machines.job_waiting import text as room_text
from stepwell.services.sagemaker.job_sights import JobSight, Waiting
from stepwell.services.sagemaker.progress import ExecutionSight, MachineSight, Sight, StepSight, TuningSight

COLOURS = {
    "Succeeded": "green",
    "Completed": "green",
    "Failed": "red",
    "Stopped": "yellow",
    "Stopping": "yellow",
    "Pending": "magenta",
}
"""Whatever else: cyan, it is under way."""
IDLE = "Nothing runs, nothing waits."
MOST_METRICS = 6
"""So many metrics of a job are shown in one line."""


def colour(status: str) -> str:
    return COLOURS.get(status, "cyan")


def printable(text: str) -> str:
    """`text` in one line and without control characters."""
    return "".join(character if character.isprintable() else " " for character in text)


def duration(seconds: float) -> str:
    """`12.3 s`, `4:05`, `1:02:03`."""
    whole = int(max(0.0, seconds))
    if whole < 60:
        return f"{max(0.0, seconds):.1f} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def elapsed(started: float, ended: float | None, now: float) -> str:
    return duration((ended if ended is not None else now) - started)


def step_doing(step: StepSight, now: float) -> str:
    """What a step is about, beside its status."""
    match step.job:
        case JobSight() as job if not job.has_ended:
            return job_doing(job, now)
        case TuningSight() as tuning:
            return tuning_doing(tuning)
        case _:
            return _step_ended(step)


def _step_ended(step: StepSight) -> str:
    if step.reason:
        return printable(step.reason)
    if step.is_cached:
        return "cache hit"
    if step.outcome is not None:
        return str(step.outcome)
    return f"attempt {step.attempt}" if step.attempt > 1 else ""


def job_doing(job: JobSight, now: float) -> str:
    """Phase, and what is known of it."""
    if job.has_ended:
        return "  ".join(part for part in (printable(job.reason), metrics(job)) if part)
    if job.waiting is not None:
        return f"Pending: {place(job.waiting)}"
    phase = f"{job.phase} {elapsed(job.since, None, now)}"
    attempt = f"attempt {job.attempt}" if job.attempt > 1 else ""
    return "  ".join(part for part in (phase, attempt, job.note, metrics(job), usage(job)) if part)


def place(waiting: Waiting) -> str:
    """`place 2 of 5, too few processors`."""
    short = {
        (): "behind who is next",
        ("processors",): "too few processors",
        ("memory",): "too little memory",
    }.get(waiting.short, "too few processors, too little memory")
    return f"place {waiting.ahead + 1} of {waiting.others + 1}, {short}"


def holders(waiting: Waiting) -> str:
    """Who has it."""
    named = ", ".join(f"{each.job} ({room_text(each.room)})" for each in waiting.holders)
    more = waiting.held_by - len(waiting.holders)
    return f"{named} and {more} more" if more > 0 else named


def metrics(job: JobSight) -> str:
    shown = "  ".join(f"{printable(name)} {value:.5g}" for name, value in job.metrics[:MOST_METRICS])
    more = len(job.metrics) - MOST_METRICS
    return f"{shown}  and {more} more" if more > 0 else shown


def usage(job: JobSight) -> str:
    parts = (("cpu", job.cpu_percent), ("memory", job.memory_percent))
    return "  ".join(f"{what} {percent:.0f}%" for what, percent in parts if percent is not None)


def tuning_doing(tuning: TuningSight) -> str:
    best = f"best {tuning.best[1]:.5g}" if tuning.best is not None else ""
    return ", ".join(part for part in (tuning_jobs(tuning), best) if part)


def tuning_jobs(tuning: TuningSight) -> str:
    """`12 of 20 jobs ended, 2 under way`."""
    counts = tuning.counters
    ended = sum(count for name, count in counts.items() if name != "InProgress")
    failed = counts.get("NonRetryableError", 0)
    of = f" of {tuning.most}" if tuning.most is not None else ""
    parts = (f"{ended}{of} jobs ended", f"{failed} failed" if failed else "", f"{len(tuning.running)} under way")
    return ", ".join(part for part in parts if part)


def execution_counts(execution: ExecutionSight) -> str:
    """`3 of 7 steps ended`; how many there will be is not known while a loop or a branch is ahead."""
    ended = sum(step.has_ended for step in execution.steps)
    return f"{ended} of {len(execution.steps) + len(execution.left)} steps ended"


def used(taken: Room, whole: Room | None) -> str:
    """What of the machine is in use."""
    if whole is None:
        return "no queue: all jobs begin at once"
    memory = f"{taken.memory_bytes / GIB:.3g} of {whole.memory_bytes / GIB:.3g} GiB"
    return f"{taken.cpus:g} of {whole.cpus:g} vCPU, {memory} in use"


def title(sight: Sight) -> str:
    match sight:
        case ExecutionSight():
            return f"execution {sight.name}"
        case TuningSight():
            return f"tuning job {sight.name}"
        case JobSight():
            return f"{sight.kind.replace('-', ' ')} {sight.name}"
        case MachineSight():
            return "this machine"


def next_commands(sight: Sight) -> Iterator[str]:
    """What a person would type now."""
    match sight:
        case ExecutionSight() if sight.has_ended:
            for step in failures(sight):
                if step.made:
                    yield f"stepwell logs {step.made.rpartition('/')[2]}"
            yield f"stepwell explain {sight.name}"
        case JobSight() if sight.has_ended:
            yield f"stepwell logs {sight.name}"
        case JobSight():
            yield f"stepwell logs -f {sight.name}"
        case TuningSight() if sight.best is not None:
            yield f"stepwell logs {sight.best[0]}"


def failures(execution: ExecutionSight) -> list[StepSight]:
    return [step for step in execution.steps if step.status == "Failed"]


def exit_code(sight: Sight) -> int:
    """0: it came to a good end, or to none yet; 1: it failed or was stopped."""
    match sight:
        case MachineSight():
            return 0
        case _:
            return 1 if sight.status in ("Failed", "Stopped") else 0
