"""Room container: what an instance type has. In: its name. Out: processors, memory, whether it is an accelerator.

The figures are those of the public SageMaker and EC2 instance pages; `instance_types.toml` holds them by family. A
user's own file replaces what an instance type means here: a table for each type, with `cpus` and `memory_gib`.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

GIB = 1 << 30


class BadTable(Exception):
    """A user's table cannot be used. The message names the file, what stands there and what is expected."""


@dataclass(frozen=True, slots=True)
class InstanceType:
    """One instance type. Figures are None when the type is not in the table."""

    name: str
    cpus: float | None
    memory_bytes: int | None
    is_accelerated: bool
    has_own_disk: bool = False
    """It comes with NVMe disks, which stand in for the volume that is asked for."""


@dataclass(frozen=True, slots=True)
class InstanceTypes:
    """Every instance type: AWS's, unless the user says otherwise."""

    own: dict[str, InstanceType] = field(default_factory=dict)

    def find(self, name: str) -> InstanceType:
        """What `name` has, such as ml.m5.xlarge."""
        return self.own.get(name) or find(name)


def load(file: Path | None) -> InstanceTypes:
    """AWS's types with those of `file` instead. Raises BadTable."""
    if file is None:
        return InstanceTypes()
    try:
        tables = tomllib.loads(file.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadTable(f"{file} cannot be read: {error}") from error
    return InstanceTypes({name: _own(file, name, table) for name, table in tables.items()})


def find(name: str) -> InstanceType:
    """What `name` has on AWS."""
    family, _, size = name.removeprefix("ml.").partition(".")
    table = _table()
    memory = table["memory_gib"].get(family, {}).get(size)
    accelerated = family in table["accelerated"]["families"]
    memory_bytes = int(memory * GIB) if memory is not None else None
    has_own_disk = family in table["own_disk"]["families"]
    return InstanceType(name, _cpus(family, size), memory_bytes, accelerated, has_own_disk)


def _cpus(family: str, size: str) -> float | None:
    table = _table()
    if size in table["cpus"].get(family, {}):
        return table["cpus"][family][size]
    times = re.fullmatch(r"(\d*)xlarge", size)
    return 4.0 * int(times[1] or 1) if times else {"large": 2.0, "medium": 1.0}.get(size)


def _own(file: Path, name: str, table: object) -> InstanceType:
    example = f'For example: ["{name}"] with cpus = 2 and memory_gib = 4 below it.'
    if not isinstance(table, dict) or not set(table) <= {"cpus", "memory_gib"}:
        raise BadTable(f"{file}: {name!r} must be a table with cpus and memory_gib. {example}")
    for key, value in table.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise BadTable(f"{file}: {key} of {name!r} is {value!r}; a number above 0 is expected. {example}")
    known = find(name)
    return replace(
        known,
        cpus=table.get("cpus", known.cpus),
        memory_bytes=int(table["memory_gib"] * GIB) if "memory_gib" in table else known.memory_bytes,
    )


@cache
def _table() -> dict[str, dict[str, dict[str, float]]]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text())
