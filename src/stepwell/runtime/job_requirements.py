"""Room runtime: the packages that a training job's code asks for. In: a Look. Out: the environment with them.

They are installed once for all jobs that bring the same requirements.txt (`images/requirement_layers.py`), be it in
the code of script mode or as the dependencies of a function. What cannot be had this way is left to the job, which
then says what is wrong with it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from stepwell.container.objects import Objects, StorageRefused, exactly
from stepwell.container.plan import Refusal, location
from stepwell.images import function_jobs, requirement_layers
from stepwell.images.environments import NONE, Environment
from stepwell.images.function_jobs import FunctionJob
from stepwell.runtime.job_looks import Look
from stepwell.runtime.job_tools import Report, Tools

LARGEST_CODE = 256 << 20
"""Bytes of a code archive that is searched for requirements.txt; what is larger is left to the job."""


def source_of(look: Look) -> str | None:
    """Where the job's code of script mode lies, when it may ask for packages. Raises Refusal."""
    given = look.record.document.get("HyperParameters")
    return requirement_layers.source_of(given) if given and look.plan().network else None


def layered(tools: Tools, look: Look, environment: Environment, report: Report) -> Environment:
    """`environment`, and above it what the job's requirements.txt names, if it has one. Raises Refusal."""
    if environment == NONE or not look.plan().network:
        return environment
    for requirements in _wanted(tools.objects(look.scope), look, environment):
        environment = requirement_layers.prepare(tools.environments.layers_folder, environment, requirements, report)
    return environment


def _wanted(objects: Objects, look: Look, environment: Environment) -> Iterable[bytes]:
    """Requirements files, each to stand above the one before."""
    function = function_jobs.read(look.record.document)
    if function is not None:
        has_its_python = environment.base_python_name == f"python{function.python}"
        return function_jobs.stages(function, _dependencies(objects, function)) if has_its_python else ()
    uri = source_of(look)
    found = _opened(objects, uri, requirement_layers.requirements_of) if uri else None
    return () if found is None else (found,)


def _dependencies(objects: Objects, function: FunctionJob) -> bytes | None:
    def read(copy: Path) -> bytes | None:
        return function_jobs.dependencies_in(copy, function.member) if function.member else copy.read_bytes()

    return _opened(objects, function.uri, read) if function.uri else None


def _opened(objects: Objects, uri: str, read: Callable[[Path], bytes | None]) -> bytes | None:
    """What `read` finds in a copy of the object at `uri`; None when there is none."""
    try:
        place = location(uri)
        item = exactly(objects, place.bucket, place.key)
        if item is None or item.size > LARGEST_CODE:
            return None
        with tempfile.TemporaryDirectory(prefix="stepwell-code-") as folder:
            copy = Path(folder) / "code"
            objects.place(item, copy)
            return read(copy)
    except (StorageRefused, Refusal):
        return None  # the job looks for its code itself, and says so if it is not there
