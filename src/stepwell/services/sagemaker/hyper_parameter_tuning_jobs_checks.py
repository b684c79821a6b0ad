"""What makes a tuning job impossible, as CreateHyperParameterTuningJob says it, and the defaults of all others.

Raises ValidationException in AWS's words where they are known, else in words that name what was found. Limits:
developer guide, "Resource limits for automatic model tuning".
"""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.base.faults import not_implemented, validation
from stepwell.machines import tuning_requests, tuning_settings
from stepwell.machines.tuning_ranges import Range, RangeProblem
from stepwell.machines.tuning_settings import definitions_of, objective_of, ranges_of, searched
from stepwell.services.sagemaker import hyper_parameter_tuning_jobs_strategies as strategies
from stepwell.services.sagemaker import jobs

MOST_TUNABLES = 30
MOST_HYPERPARAMETERS = 100
ALGORITHMS = frozenset(
    {
        "blazingtext", "factorization-machines", "forecasting-deepar", "image-classification", "ipinsights", "kmeans",
        "knn", "lda", "linear-learner", "ntm", "object-detection", "object2vec", "pca", "randomcutforest",
        "sagemaker-xgboost", "semantic-segmentation", "seq2seq", "xgboost",
    }
)  # fmt: skip
"""Repositories of the images whose metrics the service knows; all others need MetricDefinitions (the SDK's tables of
image URIs name them)."""


def checked(request: Document) -> Document:
    """What is stored of a CreateHyperParameterTuningJob request, every default filled in. Raises Fault."""
    definitions = _definitions(request)
    for definition in definitions:
        _check_algorithm(request, definition)
        _check_cluster(definition)
        _check_places(definition)
    ranges = [_ranges(request, definition) for definition in definitions]
    strategies.check(request, ranges)
    limits = strategies.limits(request, ranges)
    config = request["HyperParameterTuningJobConfig"]
    document: Document = {
        **{name: value for name, value in request.items() if name not in ("HyperParameterTuningJobName", "Tags")},
        "HyperParameterTuningJobConfig": {
            "TrainingJobEarlyStoppingType": "Off",
            **config,
            "ResourceLimits": limits,
            **_criteria(request),
        },
    }
    stored = [_stored(request, definition) for definition in definitions]
    if "TrainingJobDefinition" in request:
        document["TrainingJobDefinition"] = stored[0]
    else:
        document["TrainingJobDefinitions"] = stored
    return document


def _definitions(request: Document) -> list[Document]:
    if ("TrainingJobDefinition" in request) == bool(request.get("TrainingJobDefinitions")):
        raise validation("Provide either TrainingJobDefinition or TrainingJobDefinitions, and only one of these.")
    definitions = definitions_of(request)
    if "TrainingJobDefinition" in request:
        return definitions
    config = request["HyperParameterTuningJobConfig"]
    for member in ("HyperParameterTuningJobObjective", "ParameterRanges"):
        if member in config:
            raise validation(
                f"{member} of HyperParameterTuningJobConfig is for a single TrainingJobDefinition. With "
                "TrainingJobDefinitions, provide TuningObjective and HyperParameterRanges in each of them."
            )
    for definition in definitions:
        if "DefinitionName" not in definition or "TuningObjective" not in definition:
            raise validation("Each of the TrainingJobDefinitions needs a DefinitionName and a TuningObjective.")
    jobs.refuse_doubled((each["DefinitionName"] for each in definitions), "Names of TrainingJobDefinitions")
    if len({each["TuningObjective"]["Type"] for each in definitions}) > 1:
        raise validation("The TuningObjective of all TrainingJobDefinitions must have the same Type.")
    if "WarmStartConfig" in request:
        raise validation("Warm start is available only when tuning a single algorithm.")
    if config.get("TrainingJobEarlyStoppingType") == "Auto":
        raise validation("Early stopping is available only when tuning a single algorithm.")
    return definitions


def _check_algorithm(request: Document, definition: Document) -> None:
    algorithm = definition["AlgorithmSpecification"]
    if "AlgorithmName" in algorithm:
        if "TrainingImage" in algorithm:
            raise validation("AlgorithmSpecification takes either TrainingImage or AlgorithmName, not both.")
        raise not_implemented("sagemaker", "CreateHyperParameterTuningJob with an AlgorithmName")
    image = algorithm.get("TrainingImage", "").strip()
    if not image:
        raise validation("AlgorithmSpecification.TrainingImage must name an image.")
    objective = objective_of(request, definition)
    if objective is None:
        raise validation("An objective is required: provide a HyperParameterTuningJobObjective.")
    metrics = {each["Name"] for each in algorithm.get("MetricDefinitions", ())}
    knows_metrics = not metrics and _repository(image) in ALGORITHMS
    if objective["MetricName"] not in metrics and not knows_metrics:
        raise validation(
            "A metric is required for this hyperparameter tuning job objective. Provide a metric in the metric "
            "definitions."
        )


def _repository(image: str) -> str:
    return image.rpartition("/")[2].partition("@")[0].partition(":")[0]


def _check_cluster(definition: Document) -> None:
    if ("ResourceConfig" in definition) == ("HyperParameterTuningResourceConfig" in definition):
        raise validation(
            "A training job definition needs either ResourceConfig or HyperParameterTuningResourceConfig, and only "
            "one of these."
        )
    asked = definition.get("HyperParameterTuningResourceConfig", {})
    single = {"InstanceType", "InstanceCount", "VolumeSizeInGB"} & asked.keys()
    if asked.get("InstanceConfigs") and single:
        raise validation(f"InstanceConfigs cannot be provided together with {', '.join(sorted(single))}.")
    cluster = tuning_requests.resources(definition)
    if not cluster.get("InstanceGroups") and ("InstanceType" not in cluster or not cluster.get("InstanceCount")):
        raise validation("The training jobs need an InstanceType and an InstanceCount of at least 1.")
    stopping = definition["StoppingCondition"]
    if "MaxWaitTimeInSeconds" in stopping and not definition.get("EnableManagedSpotTraining"):
        raise validation(
            "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is set to true"
        )


def _check_places(definition: Document) -> None:
    jobs.require_s3(definition["OutputDataConfig"]["S3OutputPath"], "OutputDataConfig")
    jobs.refuse_doubled((each["ChannelName"] for each in definition.get("InputDataConfig", ())), "Channel names")
    for channel in definition.get("InputDataConfig", ()):
        if "S3DataSource" in channel["DataSource"]:
            uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
            jobs.require_s3(uri, f"channel {channel['ChannelName']!r}")


def _ranges(request: Document, definition: Document) -> tuple[Range, ...]:
    """The ranges of a definition, in their typed form."""
    asked = ranges_of(request, definition)
    if asked.get("AutoParameters") and "Autotune" not in request:
        raise validation("AutoParameters can be provided only when Autotune is enabled.")
    try:
        ranges = searched(asked)
    except RangeProblem as problem:
        raise validation(str(problem)) from problem
    if not ranges:
        raise validation(
            "A hyperparameter tuning job needs at least one hyperparameter range. Provide ParameterRanges."
        )
    jobs.refuse_doubled((each.name for each in ranges), "Names of hyperparameters to tune")
    static = set(definition.get("StaticHyperParameters", {})) - {tuning_settings.OBJECTIVE_PARAMETER}
    both = sorted(static & {each.name for each in ranges})
    if both:
        raise validation(f"Hyperparameters cannot be both static and tunable: {', '.join(both)}.")
    if len(ranges) > MOST_TUNABLES and not asked.get("AutoParameters"):
        raise validation(
            f"At most {MOST_TUNABLES} hyperparameters can be searched over all ranges; found {len(ranges)}."
        )
    total = len(static) + len(ranges) + 1
    if total > MOST_HYPERPARAMETERS:
        raise validation(
            f"A training job can have at most {MOST_HYPERPARAMETERS} hyperparameters, "
            f"{tuning_settings.OBJECTIVE_PARAMETER} among them; this would make {total}."
        )
    return ranges


def _criteria(request: Document) -> Document:
    """Autotune ends a tuning job that has converged, unless the request says otherwise."""
    config = request["HyperParameterTuningJobConfig"]
    criteria = config.get("TuningJobCompletionCriteria", {})
    if "Autotune" not in request or "ConvergenceDetected" in criteria:
        return {}
    return {"TuningJobCompletionCriteria": {**criteria, "ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}}}


def _stored(request: Document, definition: Document) -> Document:
    objective = objective_of(request, definition)
    assert objective is not None
    flags = ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining")
    algorithm = {"MetricDefinitions": [], **definition["AlgorithmSpecification"]}
    whole = {**dict.fromkeys(flags, False), **definition, "AlgorithmSpecification": algorithm}
    if not definition.get("HyperParameterTuningResourceConfig", {}).get("InstanceConfigs"):
        # The SDK creates with the newer member and attaches by the older one.
        whole["ResourceConfig"] = tuning_requests.resources(definition)
    return tuning_requests.with_objective(whole, objective["MetricName"])
