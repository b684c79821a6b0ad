"""Room runtime: a job up to its start: environment, data, containers. In: a Look. Out: the event, or None.

Each function may have been cut off before and begins anew; only `launch` leaves something that may not be done
twice, and the launcher knows what it started.
"""

from __future__ import annotations

from collections.abc import Callable

from stepwell.base import clock
from stepwell.container import piping, staging, tidying
from stepwell.container.layout import Access
from stepwell.container.plan import Plan, Refusal
from stepwell.images.environments import Environment
from stepwell.launchers.launcher import Absent
from stepwell.machines.job import Downloaded, Event, Launched, Prepared, Refused
from stepwell.machines.job_outcomes import platform_failed
from stepwell.runtime import (
    job_containers,
    job_manifest,
    job_pipes,
    job_repack,
    job_requirements,
    job_results,
    job_warm,
)
from stepwell.runtime.job_looks import Look
from stepwell.runtime.job_tools import IMAGE_PROBLEMS, Tools, log_of
from stepwell.services.registry import Site
from stepwell.store import logs, resources
from stepwell.store.database import Transaction

DOWNLOAD = "Data download failed:"
ASK_SECONDS = 0.5
"""How often a download looks whether the job is to stop."""
ACCESS_MARGIN_SECONDS = 3600.0
"""How long a job's keys outlive its longest run."""
SESSION = "SageMaker"
"""The session name of a job's role, as in AWS's containers."""


def or_refused(perform: Callable[[], Event | None], doing: str = "") -> Event | None:
    """What cannot be done as asked, or not on this machine, ends the job instead of being tried for ever. `doing` is
    what AWS puts before the reason."""
    try:
        return perform()
    except Refusal as refusal:
        return Refused(f"ClientError: {refusal}")
    except IMAGE_PROBLEMS as refusal:
        return Refused(str(refusal))
    except OSError as error:
        return Refused(platform_failed(error, doing))


def prepare(tools: Tools, look: Look) -> Event:
    """The image's environment. Raises Refusal and IMAGE_PROBLEMS."""
    plan = look.plan()
    with log_of(plan, look.place) as report:
        problem = job_containers.capacity_problem(plan)
        if problem:
            report(problem)
            return Refused(problem)
        if job_repack.is_ours(look):
            return Prepared()
        image = look.image()
        for line in (*plan.notices, *image.substitutions, *image.notes):
            report(line)
        look.environment = look.environment or tools.environments.prepare(image.recipe, report)
    return Prepared(image.substitutions, job_results.definitions_member(look.record.document, image))


def attach_logs(site: Site, transaction: Transaction, look: Look, now: float) -> None:
    """A log stream for each host, which is the file that its supervisor writes. A job without a plan has none."""
    state, place = look.record, look.place
    began = int(state.resource.created) + state.job.attempt - 1
    try:
        hosts = look.plan().hosts
    except Refusal:
        return
    for host in hosts:
        stream, file = f"{state.name}/{host}-{began}", place.log(host).relative_to(site.data)
        logs.attach(transaction, state.scope, state.kind.log_group, stream, str(file), now)


def download(site: Site, tools: Tools, look: Look) -> Event | None:
    """The input data of every host; None when the job is to stop. Raises Refusal."""
    plan, place = look.plan(), look.place
    roots = {host: place.opt_ml(host) for host in plan.hosts} if plan.inputs else {}
    job_warm.spare(place, plan.hosts)
    for root in roots.values():
        tidying.remove(root)
        tidying.remove(piping.folder(root))
    try:
        with log_of(plan, place) as report:
            objects, checkpoint = tools.objects(look.scope), _checkpoint(site, look)
            is_ours = job_repack.is_ours(look)
            if not is_ours:
                look.environment = job_requirements.layered(tools, look, _environment(tools, look), report)
            pooled = job_warm.objects_of(look, objects)
            source = job_repack.LentObjects(objects, site.blobs) if is_ours else pooled or objects
            brought = staging.bring(plan, roots, source, checkpoint)
            if pooled is not None:
                job_warm.settle(look, pooled, plan.hosts)
                if place.warm.exists():
                    there = len(pooled.reused)
                    report(f"This job runs in a warm pool; {there} files of its input were there already.")
            look.reads = job_manifest.read(brought, objects, look)
            if is_ours and not job_repack.carry_out(look, list(roots.values()), report, checkpoint):
                return None  # and begins anew, as a job as any other
    except staging.Interrupted:
        return None
    return Downloaded()


def _checkpoint(site: Site, look: Look) -> staging.Checkpoint:
    asked = clock.monotonic()

    def checkpoint() -> None:
        nonlocal asked
        if clock.monotonic() - asked < ASK_SECONDS:
            return
        asked = clock.monotonic()
        with site.database.read() as connection:
            row = resources.find(connection, look.stored.key)
        if row is None or row.status == "Stopping":
            raise staging.Interrupted

    return checkpoint


def launch(tools: Tools, look: Look, now: float) -> Event:
    """A container on every host that has none yet. Raises Refusal and IMAGE_PROBLEMS."""
    plan, place, state = look.plan(), look.place, look.record
    if job_repack.is_ours(look):
        return Launched()
    absent = [host for host in plan.hosts if isinstance(tools.launcher.observe(place.host(host)), Absent)]
    if absent:
        assert look.access is not None, "a launch without keys"
        image = look.image()
        environment = look.environment
        if environment is None:  # another process prepared it, and died
            environment = job_requirements.layered(tools, look, _environment(tools, look), lambda _line: None)
        run = job_containers.Run(
            plan,
            image,
            state.kind.command(image, state.document[state.kind.specification]),
            environment,
            look.access,
            deadline=deadline(plan, state.resource.created, now),
        )
        for host in absent:
            tools.launcher.launch(job_containers.container(run, host, place, tools.surroundings))
    for host in plan.hosts:
        job_pipes.feed(tools.launcher, place, host)
    job_warm.let_go(place)
    return Launched()


def _environment(tools: Tools, look: Look) -> Environment:
    """The image's own environment."""
    return look.environment or tools.environments.prepare(look.image().recipe, lambda _line: None)


def deadline(plan: Plan, created: float, now: float) -> float:
    """When containers that start `now` are stopped (epoch seconds)."""
    latest = created + plan.max_wait_seconds if plan.max_wait_seconds is not None else float("inf")
    return min(now + plan.max_runtime_seconds, latest)


def access(site: Site, tools: Tools, transaction: Transaction, look: Look, now: float) -> Access:
    """New keys for the job's containers."""
    plan = look.plan()
    seconds = plan.max_runtime_seconds + plan.grace_seconds + ACCESS_MARGIN_SECONDS
    keys = tools.issue(transaction, plan.role_arn, SESSION, now, seconds)
    region, token = look.stored.key.region, keys.session_token or ""
    return Access(region, site.endpoint, keys.access_key_id, keys.secret, token)
