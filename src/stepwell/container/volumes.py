"""Room container: the disk that each host of a job has. In: its Plan. Out: bytes; Refusal of more data than that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from stepwell.container import instance_types
from stepwell.container.objects import StoredObject
from stepwell.container.plan import Plan, Refusal

GIB = 1 << 30


def volume_bytes(plan: Plan, host: str) -> int | None:
    """What `host` may keep on its disk. Types with disks of their own have all of them, whatever is asked for."""
    instance_type = instance_types.find(plan.group_of(host).instance_type)
    return None if instance_type.has_own_disk or plan.volume_gib is None else plan.volume_gib * GIB


class Room:
    """What is left of the disks while data is laid out. `roots` are the hosts' /opt/ml."""

    def __init__(self, plan: Plan, roots: Mapping[str, Path]) -> None:
        self._gib = plan.volume_gib
        self._left = {root: volume_bytes(plan, host) for host, root in roots.items()}

    def take(self, root: Path, name: str, items: Iterable[StoredObject]) -> None:
        """Room for the objects of the input `name`. Raises Refusal when there is not enough."""
        left = self._left.get(root)
        if left is None:
            return
        size = sum(item.size for item in items)
        if size > left:
            raise Refusal(
                f'Data download failed:Insufficient disk space. "{name}" has {size} bytes, and {left} are left of '
                f"the {self._gib} GB of VolumeSizeInGB. Ask for a larger VolumeSizeInGB, or give each host less data."
            )
        self._left[root] = left - size
