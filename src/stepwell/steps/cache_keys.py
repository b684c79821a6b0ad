"""Room steps: which members of a step's request decide that two runs of it are the same.

In: a type's name. Out: dotted paths into its creation request; an empty tuple for types that are never cached. From
the developer guide, "Default cache key attributes by pipeline step type" (spec 02, section 8); types for which AWS
publishes none compare all they are given.
"""

from __future__ import annotations

from collections.abc import Mapping

_CHECK = (
    "AppSpecification",
    "Environment",
    "ProcessingInputs",
    "ModelPackageGroupName",
    "SkipCheck",
    "RegisterNewBaseline",
    "SuppliedBaselineConstraints",
)

KEYS: Mapping[str, tuple[str, ...]] = {
    "Processing": ("AppSpecification", "Environment", "ProcessingInputs"),
    "Training": (
        "AlgorithmSpecification",
        "CheckpointConfig",
        "DebugHookConfig",
        "DebugRuleConfigurations",
        "Environment",
        "HyperParameters",
        "InputDataConfig",
    ),
    "Tuning": (
        "HyperParameterTuningJobConfig",
        "TrainingJobDefinition.AlgorithmSpecification",
        "TrainingJobDefinition.HyperParameterRanges",
        "TrainingJobDefinition.InputDataConfig",
        "TrainingJobDefinition.StaticHyperParameters",
        "TrainingJobDefinition.TuningObjective",
        "TrainingJobDefinitions",
    ),
    "AutoML": (
        "AutoMLJobConfig.CompletionCriteria",
        "AutoMLJobConfig.CandidateGenerationConfig",
        "AutoMLJobConfig.DataSplitConfig",
        "AutoMLJobConfig.Mode",
        "AutoMLJobObjective",
        "InputDataConfig",
        "ProblemType",
    ),
    "Transform": ("DataProcessing", "Environment", "ModelName", "TransformInput"),
    "ClarifyCheck": _CHECK,
    "QualityCheck": (*_CHECK, "SuppliedBaselineStatistics"),
    "EMR": ("ClusterId", "StepConfig"),
    "Lambda": ("FunctionArn", "Arguments"),
    "Callback": ("SqsQueueUrl", "Arguments"),
}


def of(type_: str) -> tuple[str, ...]:
    """The key attributes of steps of that type."""
    return KEYS.get(type_, ())
