"""Room runtime: which effects of a job take long, and which must not come before what happened is written. Pure but
for a look whether an environment is there."""

from __future__ import annotations

from stepwell.container.plan import Plan, Refusal
from stepwell.machines import job as machine
from stepwell.machines.job import Effect
from stepwell.runtime import job_repack, job_requirements
from stepwell.runtime.job_looks import Look
from stepwell.runtime.job_tools import IMAGE_PROBLEMS


def must_be_written_before(look: Look, effect: Effect) -> bool:
    """Whether what happened must be in the database before `effect`: a container that runs must have a row that says
    so, and nothing may be removed that the row still needs."""
    match effect:
        case machine.Launch():
            return bool(look.events) or look.access is None
        case machine.Clean() | machine.Erase():
            return bool(look.events)
        case _:
            return False


def is_slow(look: Look, effect: Effect) -> bool:
    """Whether `effect` may take longer than other jobs should wait. What will be refused is quick."""
    try:
        match effect:
            case machine.Ask():
                return job_repack.asked(look) is not None
            case machine.Prepare() if job_repack.is_ours(look):
                return False
            case machine.Prepare():
                look.environment = look.common.environment(look.image().recipe)
                return look.environment is None
            case machine.Download():
                return bool(look.plan().inputs) or job_requirements.source_of(look) is not None
            case machine.Upload():
                return _leaves_something(look, look.plan())
            case machine.Clean() | machine.Erase():
                return bool(look.plan().inputs) or _leaves_something(look, look.plan())
            case _:
                return False
    except (Refusal, *IMAGE_PROBLEMS):
        return False


def _leaves_something(look: Look, plan: Plan) -> bool:
    return bool(plan.outputs) or look.record.kind.name != "processing"
