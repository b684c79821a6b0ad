"""Room steps: every type of step by its name.

In: a type's name, as a definition has it. Out: its StepType. The types Stepwell runs are found in this folder;
those AWS has beyond them are listed here, so that a definition with them is accepted and its steps say what is
missing when they would run. Spec 01, section 5.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping

from stepwell import steps
from stepwell.steps.kinds import JOB_MEMBERS, StepType

_LAMBDA_LIKE = frozenset({"OutputParameters", "CacheConfig"})
_CHECK = JOB_MEMBERS | {
    "CheckType",
    "ModelPackageGroupName",
    "SkipCheck",
    "FailOnViolation",
    "RegisterNewBaseline",
    "SuppliedBaselineConstraints",
}

UNBUILT: Mapping[str, frozenset[str]] = {
    "AutoML": JOB_MEMBERS,
    "BedrockCustomModel": JOB_MEMBERS,
    "BedrockCustomModelDeployment": JOB_MEMBERS,
    "BedrockModelImport": JOB_MEMBERS,
    "BedrockProvisionedModelThroughput": JOB_MEMBERS,
    "Callback": _LAMBDA_LIKE | {"SqsQueueUrl"},
    "ClarifyCheck": _CHECK | {"ModelName"},
    "Cleanup": JOB_MEMBERS,
    "EMR": JOB_MEMBERS,
    "EMRServerless": JOB_MEMBERS,
    "Endpoint": JOB_MEMBERS,
    "EndpointConfig": JOB_MEMBERS,
    "ForEach": JOB_MEMBERS,
    "InferenceComponent": JOB_MEMBERS,
    "Job": JOB_MEMBERS,
    "Lambda": _LAMBDA_LIKE | {"FunctionArn"},
    "Lineage": JOB_MEMBERS,
    "QualityCheck": _CHECK | {"SuppliedBaselineStatistics"},
    "Transform": JOB_MEMBERS,
    "Tuning": JOB_MEMBERS,
}
"""Types that AWS has and Stepwell cannot run yet, and their members beyond those of every step."""


def _types() -> dict[str, StepType]:
    """What the files of this folder export as TYPE, and the rest of AWS's types."""
    modules = (importlib.import_module(f"{steps.__name__}.{found.name}") for found in _files())
    built = {module.TYPE.name: module.TYPE for module in modules if hasattr(module, "TYPE")}
    unbuilt = {name: StepType(name, "unbuilt", members=members) for name, members in UNBUILT.items()}
    return {**unbuilt, **built}


def _files() -> list[pkgutil.ModuleInfo]:
    return [found for found in pkgutil.iter_modules(steps.__path__) if found.name != "registry"]


TYPES: Mapping[str, StepType] = _types()


def of(name: str) -> StepType:
    """The type called `name`. Raises KeyError; the check step_types lets no other name into an execution."""
    return TYPES[name]
