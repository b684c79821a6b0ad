"""Room runtime: from a plan, an image and an environment to a container for a launcher.

This is where the three rooms that do not know each other meet: `container` says what the job finds, `images` what
its image is here, `launchers` how it runs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stepwell.base import trees
from stepwell.container import instance_types, layout
from stepwell.container.instance_types import InstanceTypes
from stepwell.container.layout import Access
from stepwell.container.plan import ROOT, Plan, Refusal
from stepwell.container.volumes import volume_bytes
from stepwell.images import commands, layers
from stepwell.images.catalog import Image
from stepwell.images.environments import Environment
from stepwell.launchers.launcher import Container, Mount
from stepwell.machines.job_queue import Room
from stepwell.runtime import job_hosts
from stepwell.runtime.job_folders import OPT_ML, PYTHON, JobFolder

MOST_HOSTS = 16
"""All hosts of a job run on this machine; more than these would only be in each other's way."""
ACCELERATORS = (Path("/dev/nvidia0"), Path("/dev/neuron0"))
TRAIN = "train"
"""What a training image is run with (spec 03, section 2)."""
IMAGES_OWN = frozenset({"PATH", "HOME", "LANG"})
"""Variables that an image which an engine runs sets itself."""
NO_CAPACITY = (
    "CapacityError: Unable to provision requested ML compute capacity. "
    "Please retry using a different ML instance type."
)


@dataclass(frozen=True, slots=True)
class Retention:
    """How much of failed jobs is kept to be looked at again."""

    worlds: int = 10
    """So many jobs; 0: none."""
    bytes: int = 2 << 30
    """Of all of them together."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every container gets besides: the server's own variables and files."""

    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    memory_bytes: int | None = None
    """Memory one container may have at most; None: what the machine has."""
    instances: InstanceTypes = field(default_factory=InstanceTypes)
    room: Room | None = None
    """What jobs may claim together; None: they do not wait for each other."""
    retention: Retention = field(default_factory=Retention)


def capacity_problem(plan: Plan) -> str:
    """Why this machine cannot be what the plan asks for, as a FailureReason; empty when it can."""
    if len(plan.hosts) > MOST_HOSTS:
        return f"{NO_CAPACITY} (At most {MOST_HOSTS} instances run on this machine; {len(plan.hosts)} are asked for.)"
    accelerated = [g.instance_type for g in plan.groups if instance_types.find(g.instance_type).is_accelerated]
    if accelerated and not any(device.exists() for device in ACCELERATORS):
        return f"{NO_CAPACITY} (This machine has no accelerator, which {accelerated[0]} stands for.)"
    return ""


@dataclass(frozen=True, slots=True)
class Run:
    """What the containers of all hosts have in common. `deadline` is epoch seconds."""

    plan: Plan
    image: Image
    command: tuple[str, ...]
    environment: Environment
    access: Access
    deadline: float


def container(run: Run, host: str, place: JobFolder, surroundings: Surroundings) -> Container:
    """The container of `host`. Raises Refusal."""
    if run.image.launcher == "docker":
        return _of_image(run, host, place, surroundings)
    plan, path_entries = run.plan, layers.path_entries(run.environment)
    variables = {
        **(layout.access_variables(run.access) if plan.network else {}),
        **surroundings.environment,
        **layout.variables(plan, run.image.variables, path_entries, run.access.region),
    }
    if not run.command or any("\0" in word for word in run.command):
        raise Refusal("The container's entrypoint and arguments must be texts without NUL characters.")
    return Container(
        folder=place.host(host),
        command=run.command,
        environment=_checked(variables),
        tree=(
            *trees.below(OPT_ML, layout.tree(plan, host)),
            *trees.below(PYTHON, layers.tree(run.environment)),
            *job_hosts.tree(plan),
        ),
        mounts=(
            *_mounts(run.environment, host, place),
            *job_hosts.mounts(plan, place.host(host)),
            *surroundings.mounts,
        ),
        memory_bytes=_memory(plan.group_of(host).instance_type, surroundings),
        volume_bytes=volume_bytes(plan, host),
        network=plan.network,
        hostname=host,
        deadline=run.deadline,
        grace_seconds=plan.grace_seconds,
    )


def _of_image(run: Run, host: str, place: JobFolder, surroundings: Surroundings) -> Container:
    """What an engine runs: the image itself, with Docker's rules for ENTRYPOINT and CMD and its own PATH."""
    plan = run.plan
    instance_type = plan.group_of(host).instance_type
    variables = {
        **(layout.access_variables(run.access) if plan.network else {}),
        **surroundings.environment,
        **layout.variables(plan, {}, (), run.access.region),
    }
    words = (TRAIN,) if ":training-job/" in plan.arn and not plan.entrypoint else ()
    arguments = plan.arguments or words
    if any("\0" in word for word in (*plan.entrypoint, *arguments)):
        raise Refusal("The container's entrypoint and arguments must be texts without NUL characters.")
    return Container(
        folder=place.host(host),
        image=plan.image,
        command=(*plan.entrypoint, *arguments) if plan.entrypoint else (),
        arguments=arguments,
        environment=_checked({k: v for k, v in variables.items() if k not in IMAGES_OWN or k in plan.environment}),
        tree=(*trees.below(OPT_ML, layout.tree(plan, host)), *job_hosts.tree(plan)),
        mounts=(
            Mount(place.opt_ml(host), ROOT, writable=True),
            *job_hosts.mounts(plan, place.host(host)),
            *surroundings.mounts,
        ),
        memory_bytes=_memory(instance_type, surroundings),
        cpus=surroundings.instances.find(instance_type).cpus,
        network=plan.network,
        hostname=host,
        deadline=run.deadline,
        grace_seconds=plan.grace_seconds,
    )


def _mounts(environment: Environment, host: str, place: JobFolder) -> tuple[Mount, ...]:
    return (
        Mount(place.opt_ml(host), ROOT, writable=True),
        *(Mount(each, str(each)) for each in environment.mounts),
        Mount(place.python(host), layers.MOUNT, writable=True),
        Mount(commands.PROGRAMS, commands.PROGRAMS_MOUNT),
    )


def _checked(variables: Mapping[str, str]) -> dict[str, str]:
    for name, value in variables.items():
        if not name or "=" in name or "\0" in name or "\0" in value:
            raise Refusal(f"The environment variable {name!r} cannot be set in a container.")
    return dict(variables)


def machine_room() -> Room:
    """What this machine has, as far as this process may use it."""
    return Room(len(os.sched_getaffinity(0)), os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def _memory(instance_type: str, surroundings: Surroundings) -> int:
    wanted = surroundings.instances.find(instance_type).memory_bytes
    limits = (machine_room().memory_bytes, wanted, surroundings.memory_bytes)
    return int(min(each for each in limits if each is not None))
