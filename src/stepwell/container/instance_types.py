"""Room container: what an instance type has. In: its name. Out: processors, memory, whether it is an accelerator.

The figures are those of the public SageMaker and EC2 instance pages; `instance_types.toml` holds them by family.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class InstanceType:
    """One instance type. `memory_bytes` is None when it is not in the table."""

    name: str
    memory_bytes: int | None
    is_accelerated: bool


def find(name: str) -> InstanceType:
    """What `name` has, such as ml.m5.xlarge."""
    family, _, size = name.removeprefix("ml.").partition(".")
    table = _table()
    memory = table["memory_gib"].get(family, {}).get(size)
    accelerated = family in table["accelerated"]["families"]
    return InstanceType(name, int(memory * GIB) if memory is not None else None, accelerated)


@cache
def _table() -> dict[str, dict[str, dict[str, float]]]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text())
