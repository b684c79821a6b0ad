"""What every launcher promises, and the values it takes and gives.

In: a `Container`, fully spelled out (nothing is looked up later). Out: an `Observation` of the folder it runs for.
A folder is one run of one container: its path is the identity, so a repeated launch is success, never a second run.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from stepwell.base.trees import Tree

GIB = 1024**3
Full: TypeAlias = Literal["", "volume", "disk"]


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or directory of the host, seen in the container at `target`.

    `target` is absolute and normalised; ValueError otherwise, and for `/` and `/proc`, which belong to the launcher.
    """

    source: Path
    target: str
    writable: bool = False

    def __post_init__(self) -> None:
        clean = posixpath.normpath(self.target)
        if not self.target.startswith("/") or self.target.startswith("//") or clean != self.target:
            raise ValueError(f"The mount target {self.target!r} must be an absolute, normalised path.")
        if clean == "/" or clean == "/proc" or clean.startswith("/proc/"):
            raise ValueError(f"The mount target {self.target!r} belongs to the launcher.")
        if not self.source.is_absolute():
            raise ValueError(f"The mount source {str(self.source)!r} must be an absolute path.")


@dataclass(frozen=True, slots=True)
class Container:
    """One container to run once, in `folder` (the job host's own folder; created if missing).

    The working directory is `/`, the user is root (uid 0), and the root file system is private and writable.
    """

    folder: Path
    command: tuple[str, ...]
    """Executed directly; the first word is searched on the PATH of `environment`. Empty: the image's own."""
    environment: Mapping[str, str]
    """The complete environment of the container; with an image, what is set above the image's own."""
    mounts: tuple[Mount, ...] = ()
    tree: Tree = ()
    """What is made in `folder` before it starts; what else lies there already stays."""
    memory_bytes: int | None = None
    """The whole tree is killed above it (`Exited.out_of_memory`); None is no limit."""
    network: bool = True
    """False: a loopback of its own and nothing else (EnableNetworkIsolation)."""
    hostname: str = "algo-1"
    deadline: float | None = None
    """Epoch seconds at which it is stopped, whether the server runs or not; None is never."""
    grace_seconds: float = 120.0
    """Between SIGTERM and SIGKILL: 120 for training, 30 for hosting (spec 03, section 1)."""
    process_limit: int = 4096
    """Processes and threads; more cannot be started."""
    volume_bytes: int | None = None
    """The whole tree is killed when more lies on the disk, in its private root and its writable mounts below `folder`
    (`Exited.full`); None is no limit. An engine's container has none."""
    log_bytes: int = GIB
    """The log stops growing there, and says so in its last line."""
    image: str = ""
    """The image that an engine runs, with its own user and working directory; empty: this machine's own files."""
    arguments: tuple[str, ...] = ()
    """With an image and no command: what its ENTRYPOINT gets instead of its CMD."""
    cpus: float | None = None
    """With an image: the processors it may use at most; None is no limit."""


@dataclass(frozen=True, slots=True)
class Running:
    """It runs, or is about to. `pid` is the supervisor's."""

    pid: int


@dataclass(frozen=True, slots=True)
class Exited:
    """It has ended, or never began because of `error`, a stop or its deadline.

    Exactly one of `code` and `signal` is set when the command ran: `code` if it exited, `signal` if it was killed.
    A command that cannot be executed has code 127 (not found) or 126, as in a shell, and an `error`.
    """

    code: int | None
    signal: int | None
    out_of_memory: bool
    timed_out: bool
    stopped: bool
    started: float
    ended: float
    peak_memory_bytes: int | None
    error: str
    full: Full = ""
    """It ended because it kept more than `Container.volume_bytes`, or failed while the disk of the host was full."""

    @property
    def exit_code(self) -> int:
        """The exit code as Docker tells it: 128 + n for a death by signal n, 125 if it could not be started."""
        if self.code is not None:
            return self.code
        return 125 if self.signal is None else 128 + self.signal


@dataclass(frozen=True, slots=True)
class Lost:
    """It was started once, its supervisor is gone and left no exit record: the host was rebooted, or somebody
    killed the supervisor. The container is dead, how it would have ended is unknown, and it never runs again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Absent:
    """It was never started."""


Observation: TypeAlias = Running | Exited | Lost | Absent


class Launcher(Protocol):
    """Runs containers. Every method may be called by several threads and servers at once, and repeated."""

    def launch(self, container: Container) -> Observation:
        """Start it, unless its folder was started before: then only say how it stands."""

    def observe(self, folder: Path) -> Observation:
        """How the container of `folder` stands. Cheap enough to ask often."""

    def stop(self, folder: Path) -> None:
        """SIGTERM, grace, SIGKILL for the whole tree. Asked before the launch, the launch will run nothing."""

    def watch(self, folder: Path) -> int | None:
        """A new file descriptor that becomes readable when the container has ended; None if it does not run."""
