"""Room container: what a job is to run, whatever its kind. Pure values; made by `processing.py` and `training.py`.

Paths inside the container are absolute text below /opt/ml; `placement.below` turns them into paths of the host.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from stepwell.base.documents import Document

ROOT = "/opt/ml"


class Refusal(Exception):
    """The job cannot run as it was asked for, or its result cannot be taken. The text is the client's to read,
    without the `ClientError: ` that goes before it in a FailureReason."""


@dataclass(frozen=True, slots=True)
class Location:
    """A place in S3: one object, or what lies below a prefix."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def below(self, relative: str) -> Location:
        """The key `relative` below this one."""
        return Location(self.bucket, "/".join(part for part in (self.key.rstrip("/"), relative) if part))


@dataclass(frozen=True, slots=True)
class Pipe:
    """How an input is streamed: through the named pipes `<target>_0`, `<target>_1`, …, one for each epoch."""

    unzipped: bool = False
    """Every object is gzip data, which is streamed without it."""
    wrapped: bool = False
    """Every object, or attribute of an augmented manifest, becomes one RecordIO record."""
    seed: int | None = None
    """Every epoch has an order of its own that follows from it; None: the order of the listing."""


@dataclass(frozen=True, slots=True)
class Input:
    """Data that must lie at `target` before the container starts, or is streamed while it runs."""

    name: str
    location: Location
    target: str
    listing: Literal["prefix", "manifest", "augmented"] = "prefix"
    sharded: bool = False
    """Every host gets a share of the objects instead of all."""
    optional: bool = False
    """Nothing there is fine: checkpoints of a first run."""
    groups: tuple[str, ...] = ()
    """The groups of hosts that get it; none: all."""
    pipe: Pipe | None = None
    """None: as files."""
    attributes: tuple[str, ...] = ()
    """What is streamed of every line of an augmented manifest, in this order."""


@dataclass(frozen=True, slots=True)
class Output:
    """What is taken from `source` to S3 when the containers ended."""

    name: str
    source: str
    location: Location
    """Key of the archive, or the prefix that keeps the files' relative paths."""
    archive: bool = False
    """As one tar.gz."""
    even_if_failed: bool = True
    even_if_empty: bool = False
    continuous: bool = False
    """Its files are taken while the job runs as well."""


@dataclass(frozen=True, slots=True)
class Group:
    """Hosts of one instance type."""

    name: str
    instance_type: str
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """One job, ready to be carried out."""

    arn: str
    name: str
    role_arn: str
    image: str
    entrypoint: tuple[str, ...]
    arguments: tuple[str, ...]
    groups: tuple[Group, ...]
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    folders: tuple[str, ...]
    """Directories that must exist, apart from the targets of inputs."""
    files: Mapping[str, Document]
    """JSON config files that are the same on every host; `resourceconfig.json` is added for each."""
    environment: Mapping[str, str]
    network: bool
    max_runtime_seconds: int
    grace_seconds: float
    """Between SIGTERM and SIGKILL when the job is stopped."""
    notices: tuple[str, ...] = ()
    """What the job's log should say first."""
    max_wait_seconds: int | None = None
    """From its creation to its end at most (managed spot training); None: however long it waits."""
    volume_gib: int | None = None
    """The disk of each host (VolumeSizeInGB; EBS counts in GiB); None: as much as there is."""

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(host for group in self.groups for host in group.hosts)

    def receivers(self, wanted: Input) -> tuple[str, ...]:
        """The hosts that get `wanted`."""
        return tuple(
            host for each in self.groups if not wanted.groups or each.name in wanted.groups for host in each.hosts
        )

    def group_of(self, host: str) -> Group:
        """The group that `host` is in."""
        return next(group for group in self.groups if host in group.hosts)


def hosts(count: int, first: int = 1) -> tuple[str, ...]:
    """`count` host names: algo-1, algo-2, …"""
    return tuple(f"algo-{number}" for number in range(first, first + count))


def location(uri: str) -> Location:
    """The place that an S3 URI names. Raises Refusal for anything else."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise Refusal(f'"{uri}" is not an S3 URI. Give s3://<bucket>/<prefix>.')
    return Location(bucket, key)


def is_below_root(inside: str) -> bool:
    """Whether `inside` is written as a path below /opt/ml, without a way out of it."""
    parts = PurePosixPath(inside).parts
    return parts[:3] == ("/", "opt", "ml") and len(parts) > 3 and ".." not in parts and "\0" not in inside
