"""What `stepwell watch` prints where no terminal is: a line for each change, so that logs of a CI read well. Pure.

In: one Sight after another. Out: lines. A change is another status or phase; a place in the line is told when the
wait begins (hundreds who wait would all move up whenever one is let in), metrics at most every ten seconds.
"""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.cli import watch_words as words
from stepwell.services.sagemaker.job_sights import JobSight
from stepwell.services.sagemaker.progress import ExecutionSight, MachineSight, Sight, StepSight, TuningSight

METRICS_SECONDS = 10.0


class Changes:
    """Remembers what was said of each thing."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}
        self._metrics: dict[str, tuple[float, str]] = {}

    def of(self, sight: Sight, now: float) -> Iterator[str]:
        """A line for everything that is another than at the last call."""
        match sight:
            case ExecutionSight():
                own = list(self._own(sight.name, sight.status, sight.started, now))
                yield from () if sight.has_ended else own
                for step in sight.steps:
                    yield from self._step(step, sight.started, now)
                yield from own if sight.has_ended else ()
            case TuningSight():
                for job in sight.running:
                    yield from self._job(job, job.name, sight.created, now)
                status = f"{sight.status}: {words.tuning_doing(sight)}"
                yield from self._own(sight.name, status, sight.created, now, words.printable(sight.reason))
            case JobSight():
                yield from self._job(sight, sight.name, sight.created, now)
            case MachineSight():
                yield from self._machine(sight, now)

    def _own(self, name: str, status: str, since: float, now: float, more: str = "") -> Iterator[str]:
        """A line when the status is a new one; `more` is told with it."""
        if self._said.get(name) != status:
            self._said[name] = status
            yield _line(now - since, name, status + (f": {more}" if more else ""))

    def _step(self, step: StepSight, since: float, now: float) -> Iterator[str]:
        match step.job:
            case JobSight() as job if not job.has_ended and not step.has_ended:
                yield from self._job(job, step.name, since, now)
            case TuningSight() as tuning if not step.has_ended:
                yield from self._own(step.name, f"{step.status}: {words.tuning_doing(tuning)}", since, now)
            case _:
                doing = words.step_doing(step, now) if step.has_ended else ""
                took = f" after {words.elapsed(step.started, step.ended, now)}" if step.has_ended else ""
                yield from self._own(step.name, step.status + took, since, now, doing)

    def _job(self, job: JobSight, name: str, since: float, now: float) -> Iterator[str]:
        if job.has_ended:
            took = f" after {words.elapsed(job.created, job.ended, now)}"
            yield from self._own(name, job.phase + took, since, now, words.job_doing(job, now))
            return
        more = words.place(job.waiting) if job.waiting is not None else job.note
        yield from self._own(name, job.phase, since, now, more)
        metrics, (at, said) = words.metrics(job), self._metrics.get(name, (-METRICS_SECONDS, ""))
        if metrics and metrics != said and now - at >= METRICS_SECONDS:
            self._metrics[name] = (now, metrics)
            yield _line(now - since, name, metrics)

    def _machine(self, sight: MachineSight, now: float) -> Iterator[str]:
        seen = {job.name: job for job in (*sight.running, *sight.waiting)}
        for name in [name for name in self._said if name not in seen]:
            del self._said[name]
            yield f"{'':>9}  {name}: over"
        for name, job in seen.items():
            yield from self._job(job, name, job.created, now)


def _line(seconds: float, name: str, what: str) -> str:
    return f"{words.duration(seconds):>9}  {words.printable(name)}: {what}"
