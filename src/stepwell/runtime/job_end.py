"""Room runtime: a job from the end of its containers on. In: a Look. Out: the event. All of it may be repeated."""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.container import collecting
from stepwell.container.plan import Refusal
from stepwell.machines.job import Event, Uploaded
from stepwell.machines.job_outcomes import Verdict, platform_failed
from stepwell.runtime import job_results
from stepwell.runtime.job_looks import Look
from stepwell.runtime.job_tools import Tools, log_of


def upload(tools: Tools, look: Look, verdict: Verdict) -> Event:
    """Take the outputs that belong to the verdict to S3, and read what the containers tell."""
    state, plan, place = look.record, look.plan(), look.place
    wanted = [each for each in plan.outputs if each.even_if_failed or verdict.status != "Failed"]
    roots = [place.opt_ml(host) for host in plan.hosts]
    members: Document = {}
    try:
        with log_of(plan, place) as report:
            members = job_results.members(state, plan, verdict, place, report)
            collecting.collect(wanted, roots, tools.objects(state.scope), place.scratch, report)
    except Refusal as refusal:
        return Uploaded(f"ClientError: {refusal}", members)
    except OSError as error:
        return Uploaded(platform_failed(error), members)
    return Uploaded("", members)
