"""Room runtime: a job from the end of its containers on. In: a Look. Out: the event. All of it may be repeated."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from stepwell.base import clock
from stepwell.base.documents import Document
from stepwell.container import collecting
from stepwell.container.plan import Output, Refusal
from stepwell.machines.job import Event, Uploaded
from stepwell.machines.job_outcomes import Verdict, platform_failed
from stepwell.runtime import job_metrics, job_results, job_sync, job_warm, job_worlds
from stepwell.runtime.job_looks import Look
from stepwell.runtime.job_manifest import NotingObjects
from stepwell.runtime.job_sparing import SparingObjects
from stepwell.runtime.job_tools import Report, Tools, log_of
from stepwell.services.registry import Site

UPLOAD = "Artifact upload failed:"
"""What AWS puts before the reason."""


def upload(site: Site, tools: Tools, look: Look, verdict: Verdict) -> Event:
    """Take the outputs that belong to the verdict to S3, and read what the containers tell. Of a job that failed,
    everything is kept for a while."""
    uploaded = _upload(site, tools, look, verdict)
    if verdict.status == "Failed" or uploaded.failure:
        with suppress(OSError), log_of(look.plan(), look.place) as report:
            job_worlds.keep(look, verdict.reason or uploaded.failure, tools.surroundings, report)
    return uploaded


def _upload(site: Site, tools: Tools, look: Look, verdict: Verdict) -> Uploaded:
    state, plan, place = look.record, look.plan(), look.place
    wanted = [each for each in plan.outputs if each.even_if_failed or verdict.status != "Failed"]
    members: Document = {}
    try:
        with log_of(plan, place) as report:
            members = job_results.members(state, plan, verdict, place)
            values = job_metrics.finish(site, tools.scanner, state.arn, state.resource, report)
            if values:
                members["FinalMetricDataList"] = values
            _collect(tools, look, wanted, report)
    except Refusal as refusal:
        return Uploaded(f"ClientError: {refusal}", members)
    except OSError as error:
        return Uploaded(platform_failed(error, UPLOAD), members)
    return Uploaded("", members, job_warm.until(look, clock.now()))


def _collect(tools: Tools, look: Look, wanted: Sequence[Output], report: Report) -> None:
    """Continuous outputs are in S3 already but for what has changed since; nothing older may come after this."""
    plan, place, objects = look.plan(), look.place, NotingObjects(tools.objects(look.scope))
    roots = [place.opt_ml(host) for host in plan.hosts]
    once = [each for each in wanted if not each.continuous]
    again = [each for each in wanted if each.continuous]
    collecting.collect(once, roots, objects, place.scratch, report)
    if again:
        with job_sync.exclusively(place):
            noting = NotingObjects(SparingObjects(objects.objects), objects.put_there)
            collecting.collect(again, roots, noting, place.scratch, report)
    look.writes = objects.pieces(wanted)
