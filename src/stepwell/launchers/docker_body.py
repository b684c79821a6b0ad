"""From a `Container` to the request that creates it at an engine. Pure but for what kind of file a mount is.

The engine's own defaults hold where nothing is said here: its seccomp profile, its capabilities but for two.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass

from stepwell.launchers.launcher import GIB, Container, Mount

HOSTS = tuple(f"algo-{number}" for number in range(1, 17))
"""What the hosts of a job are called: all are this machine, as with the process launcher. Several hosts of one job
have a file of names of their own (`Container.mounts`), which goes before these."""
DROPPED = ("MKNOD", "NET_RAW")
"""Devices, and listening to the host's network, are no job's business."""


@dataclass(frozen=True, slots=True)
class Host:
    """What the machine of the engine has."""

    cpus: float
    has_gpus: bool


def body(container: Container, host: Host) -> dict[str, object]:
    """The body of POST /containers/create."""
    devices = [each for each in container.mounts if _is_device(each)]
    found: dict[str, object] = {
        "Image": container.image,
        "Hostname": container.hostname,
        "Env": [f"{name}={value}" for name, value in container.environment.items()],
        "Labels": {"stepwell.folder": str(container.folder)},
        "AttachStdout": True,
        "AttachStderr": True,
        "HostConfig": {
            "Mounts": [_mount(each) for each in container.mounts if each not in devices],
            "Devices": [_device(each) for each in devices],
            **_network(container),
            **_limits(container, host),
            # signals and zombies are as on a machine: without it the command would be PID 1, deaf to SIGTERM
            "Init": True,
            "CapDrop": list(DROPPED),
            "SecurityOpt": ["no-new-privileges"],
            # what the engine keeps of the output is for a supervisor that takes over; the log is ours
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "20m", "max-file": "2"}},
        },
    }
    if container.command:
        found["Entrypoint"] = list(container.command)
        found["Cmd"] = []
    elif container.arguments:
        found["Cmd"] = list(container.arguments)
    return found


def _network(container: Container) -> dict[str, object]:
    if not container.network:
        return {"NetworkMode": "none"}
    return {"NetworkMode": "host", "ExtraHosts": [f"{name}:127.0.0.1" for name in HOSTS]}


def _limits(container: Container, host: Host) -> dict[str, object]:
    limits: dict[str, object] = {"PidsLimit": container.process_limit, "ShmSize": container.memory_bytes or GIB}
    if container.memory_bytes is not None:
        # as much with swap: none
        limits |= {"Memory": container.memory_bytes, "MemorySwap": container.memory_bytes}
    if container.cpus is not None and container.cpus < host.cpus:
        limits["NanoCpus"] = int(container.cpus * 1e9)
    if host.has_gpus:
        limits["DeviceRequests"] = [{"Driver": "", "Count": -1, "Capabilities": [["gpu"]]}]
    return limits


def _is_device(mount: Mount) -> bool:
    try:
        mode = mount.source.stat().st_mode
    except OSError:
        return False
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode)


def _mount(mount: Mount) -> dict[str, object]:
    return {"Type": "bind", "Source": str(mount.source), "Target": mount.target, "ReadOnly": not mount.writable}


def _device(mount: Mount) -> dict[str, object]:
    rights = "rw" if mount.writable else "r"
    return {"PathOnHost": str(mount.source), "PathInContainer": mount.target, "CgroupPermissions": rights}
