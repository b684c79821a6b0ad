"""What a container of an engine uses at this moment. In: where it is. Out: processor seconds and memory, as the
engine counts them (Docker Engine API, "Get container stats based on resource usage").

Memory is what `docker stats` shows: without the pages of files that the kernel can drop.
"""

from __future__ import annotations

from collections.abc import Mapping

from stepwell.launchers.docker_engine import UNREACHABLE, Engine, EngineError, container_path
from stepwell.launchers.docker_order import Standing

PATIENCE_SECONDS = 5.0
DROPPABLE = ("inactive_file", "total_inactive_file")
"""What cgroups of version 2 and 1 call file pages that were not used for long."""


def read(standing: Standing) -> tuple[float, int] | None:
    """Processor seconds since the container began, and bytes of memory; None when it does not run."""
    path = container_path(standing.name, "/stats?stream=false&one-shot=true")
    try:
        return figures(Engine(standing.engine).call("GET", path, seconds=PATIENCE_SECONDS))
    except (EngineError, *UNREACHABLE):
        return None


def figures(stats: Mapping[str, object]) -> tuple[float, int] | None:
    """The same of an answer of the engine; None when it counted nothing: there is no process."""
    processor, memory = _part(_part(stats, "cpu_stats"), "cpu_usage"), _part(stats, "memory_stats")
    held = _number(memory, "usage")
    if not held:
        return None
    pages = _part(memory, "stats")
    droppable = next((_number(pages, name) for name in DROPPABLE if name in pages), 0)
    return _number(processor, "total_usage") / 1e9, held - droppable if droppable < held else held


def _part(document: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _number(document: Mapping[str, object], name: str) -> int:
    found = document.get(name)
    return found if isinstance(found, int) else 0
