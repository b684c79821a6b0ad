"""Room runtime: the packages that a training job's code asks for. In: a Look. Out: the environment with them.

They are installed once for all jobs that bring the same requirements.txt (`images/requirement_layers.py`). What
cannot be had this way is left to the job, which then says what is wrong with it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from stepwell.container.objects import Objects, StorageRefused, StoredObject
from stepwell.container.plan import Location, Refusal, location
from stepwell.images import requirement_layers
from stepwell.images.environments import Environment
from stepwell.runtime.job_looks import Look
from stepwell.runtime.job_tools import Report, Tools

LARGEST_CODE = 256 << 20
"""Bytes of a code archive that is searched for requirements.txt; what is larger is left to the job."""


def source_of(look: Look) -> str | None:
    """Where the job's code lies, when it may ask for packages. Raises Refusal."""
    given = look.record.document.get("HyperParameters")
    return requirement_layers.source_of(given) if given and look.plan().network else None


def layered(tools: Tools, look: Look, environment: Environment, report: Report) -> Environment:
    """`environment`, and above it what the job's requirements.txt names, if it has one."""
    uri = source_of(look)
    if uri is None:
        return environment
    requirements = _requirements(tools.objects(look.scope), uri)
    if requirements is None:
        return environment
    return requirement_layers.prepare(tools.environments.layers_folder, environment, requirements, report)


def _requirements(objects: Objects, uri: str) -> bytes | None:
    try:
        item = _exactly(objects, location(uri))
        if item is None or item.size > LARGEST_CODE:
            return None
        with tempfile.TemporaryDirectory(prefix="stepwell-code-") as folder:
            archive = Path(folder) / "code"
            objects.place(item, archive)
            return requirement_layers.requirements_of(archive)
    except (StorageRefused, Refusal):
        return None  # the job looks for its code itself, and says so if it is not there


def _exactly(objects: Objects, where: Location) -> StoredObject | None:
    first = next(iter(objects.under(where.bucket, where.key)), None)
    return first if first is not None and first.key == where.key else None
