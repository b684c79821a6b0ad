"""Room steps: every type of step by its name.

In: a type's name, as a definition has it. Out: its StepType, found by being in this folder. Types of kind unbuilt
are AWS's and cannot run here yet: a definition with them is checked and accepted, and its steps say what is missing
when they would run. Spec 01, section 5.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping

from stepwell import steps
from stepwell.steps.kinds import StepType


def _types() -> dict[str, StepType]:
    """What the files of this folder export as TYPE."""
    modules = (importlib.import_module(f"{steps.__name__}.{found.name}") for found in _files())
    return {module.TYPE.name: module.TYPE for module in modules if hasattr(module, "TYPE")}


def _files() -> list[pkgutil.ModuleInfo]:
    return [found for found in pkgutil.iter_modules(steps.__path__) if found.name != "registry"]


TYPES: Mapping[str, StepType] = _types()


def of(name: str) -> StepType:
    """The type called `name`. Raises KeyError; the check step_types lets no other name into an execution."""
    return TYPES[name]
