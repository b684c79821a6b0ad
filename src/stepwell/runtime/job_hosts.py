"""Room runtime: how hosts of one job find each other. In: a plan. Out: what /etc/hosts says in each container.

Hosts of a job share their machine's network. Each has an address of its own on the loopback interface, so that two
of them can listen on one port; which addresses, follows from the job's ARN, so that two jobs rarely meet either. A
single host needs none of this.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from stepwell.base.trees import Entry
from stepwell.container.plan import Plan
from stepwell.launchers.launcher import Mount

FILE = "hosts"
TARGET = "/etc/hosts"
MACHINES = Path(TARGET)
LOWEST = 64
"""Second number of our addresses, at least: what is below is used by other programs (127.0.0.53 by resolvers)."""
LOCALHOST = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"


def address(arn: str, number: int) -> str:
    """The address of the job's host of that number (from 1 on, below 255)."""
    digest = hashlib.sha256(arn.encode()).digest()
    return f"127.{LOWEST + digest[0] % (256 - LOWEST)}.{digest[1]}.{number}"


def tree(plan: Plan) -> tuple[Entry, ...]:
    """The file to be made in the folder of each host."""
    if not _share_a_network(plan):
        return ()
    lines = [f"{address(plan.arn, number)} {host}\n" for number, host in enumerate(plan.hosts, 1)]
    return (Entry(FILE, "file", (LOCALHOST + "".join(lines)).encode() + _of_this_machine()),)


def mounts(plan: Plan, folder: Path) -> tuple[Mount, ...]:
    """What makes that file the container's. `folder` is the folder of the host."""
    return (Mount(folder / FILE, TARGET),) if _share_a_network(plan) else ()


def _share_a_network(plan: Plan) -> bool:
    return plan.network and len(plan.hosts) > 1


def _of_this_machine() -> bytes:
    try:
        return MACHINES.read_bytes()
    except OSError:
        return b""
