"""Training jobs: a container that learns from channels and leaves a model. Spec 03, section 3."""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.base.faults import Fault, not_implemented, validation
from stepwell.container.plan import ROOT, is_below_root
from stepwell.container.training import CHECKPOINTS, MAX_RUNTIME_SECONDS
from stepwell.machines import job_progress, warm_pools
from stepwell.machines.job_history import with_transition
from stepwell.services.registry import Call, operation
from stepwell.services.sagemaker import jobs
from stepwell.services.sagemaker.jobs import Noun
from stepwell.store import resources
from stepwell.store.resources import Resource


def _missing(_name: str) -> Fault:
    return validation("Requested resource not found.")


POOL = "WarmPoolStatus"
NOUN = Noun("training-job", "TrainingJob", "training job", _missing)
DEFAULTS: Document = {
    "EnableNetworkIsolation": False,
    "EnableInterContainerTrafficEncryption": False,
    "EnableManagedSpotTraining": False,
}
RULES = {
    "DebugRuleConfigurations": "DebugRuleEvaluationStatuses",
    "ProfilerRuleConfigurations": "ProfilerRuleEvaluationStatuses",
}
NOT_EVALUATED = {"RuleEvaluationStatus": "Stopped", "StatusDetails": "Rules are not evaluated here."}


@operation
def create_training_job(call: Call, request: Document) -> Document:
    _check_algorithm(request)
    _check_cluster(request.get("ResourceConfig", {}))
    _check_channels(request.get("InputDataConfig", []), request.get("ResourceConfig", {}).get("InstanceGroups", []))
    _check_times(request)
    jobs.require_s3(request["OutputDataConfig"]["S3OutputPath"], "OutputDataConfig")
    if "CheckpointConfig" in request:
        _check_checkpoints(request["CheckpointConfig"])
    document = {
        **DEFAULTS,
        **_watching(request),
        **{name: value for name, value in request.items() if name not in ("TrainingJobName", "Tags")},
        "SecondaryStatus": "Starting",
        "SecondaryStatusTransitions": with_transition((), "Starting", call.now),
    }
    # As AWS shows it: the SDK's Estimator.attach reads the member without asking.
    document["OutputDataConfig"] = {"KmsKeyId": "", **request["OutputDataConfig"]}
    document["StoppingCondition"] = {
        "MaxRuntimeInSeconds": MAX_RUNTIME_SECONDS,
        **request.get("StoppingCondition", {}),
    }
    return jobs.create(call, NOUN, request, document)


@operation
def describe_training_job(call: Call, request: Document) -> Document:
    return _with_pool(jobs.describe(call, NOUN, request), call.now)


@operation
def list_training_jobs(call: Call, request: Document) -> Document:
    # No job has a training plan: a list of those that do is empty.
    filters = {"WarmPoolStatusEquals": "WarmPoolStatus/Status", "TrainingPlanArnEquals": "TrainingPlanArn"}
    members = tuple((member, request[asked]) for asked, member in filters.items() if asked in request)
    page = jobs.listed(call, NOUN, request, ("TrainingEndTime", "SecondaryStatus", POOL), members)
    return {**page, "TrainingJobSummaries": [_with_pool(each, call.now) for each in page["TrainingJobSummaries"]]}


@operation
def stop_training_job(call: Call, request: Document) -> Document:
    return jobs.stop(call, NOUN, request, lambda row: _stopping(row, call.now))


@operation
def delete_training_job(call: Call, request: Document) -> Document:
    return jobs.delete(call, NOUN, request)


@operation
def update_training_job(call: Call, request: Document) -> Document:
    """How long a warm pool is kept, counted from the job's end. Profiler settings and remote debugging of a running
    job are shown, and nothing acts on them."""
    changes = {name: value for name, value in request.items() if name != "TrainingJobName"}
    keep_alive = changes.pop("ResourceConfig", None)
    with call.site.database.write() as transaction:
        row = jobs.find(transaction.connection, call.scope, NOUN, request["TrainingJobName"])
        if keep_alive is not None:
            changes["ResourceConfig"] = {**row.document.get("ResourceConfig", {}), **keep_alive}
            changes.update(_kept(row, float(keep_alive["KeepAlivePeriodInSeconds"])))
            call.site.wake(transaction, jobs.MACHINE, NOUN.arn(call.scope, row.name), call.now)
        elif row.status not in jobs.ACTIVE:
            raise validation(f"The request was rejected because the training job is in status {row.status}.")
        resources.save(transaction, row.with_changes(call.now, **changes))
    return {"TrainingJobArn": NOUN.arn(call.scope, row.name)}


def _kept(row: Resource, seconds: float) -> Document:
    """What changes for a warm pool that is there. Raises ValidationException when none is, or will be."""
    if row.status in jobs.ACTIVE:
        return {}
    shown = row.document.get(POOL, {}).get("Status")
    if shown != "Available":
        raise validation(
            f"The warm pool of training job {row.name} cannot be updated: its status is {shown or 'Terminated'}, "
            "and only a pool that is Available has a KeepAlivePeriodInSeconds to change."
        )
    progress = {**row.document[job_progress.MEMBER], "warm_until": row.document["TrainingEndTime"] + seconds}
    return {job_progress.MEMBER: progress}


def _with_pool(shown: Document, now: float) -> Document:
    """With the time for which a warm pool was kept until `now`."""
    if shown.get(POOL, {}).get("Status") != "Available":
        return shown
    return {**shown, POOL: warm_pools.status("Available", now - shown["TrainingEndTime"])}


def _watching(request: Document) -> Document:
    """What debugger and profiler show of themselves: no rule is evaluated, and nobody is told that one was passed."""
    profiler = request.get("ProfilerConfig")
    is_profiled = profiler is not None and not profiler.get("DisableProfiler", False)
    found: Document = {"ProfilingStatus": "Enabled" if is_profiled else "Disabled"}
    for rules, shown in RULES.items():
        if request.get(rules):
            found[shown] = [
                {"RuleConfigurationName": rule["RuleConfigurationName"], **NOT_EVALUATED} for rule in request[rules]
            ]
    return found


def _stopping(row: Resource, now: float) -> Document:
    transitions = row.document.get("SecondaryStatusTransitions", ())
    return {
        "SecondaryStatus": "Stopping",
        "SecondaryStatusTransitions": with_transition(transitions, "Stopping", now),
    }


def _check_algorithm(request: Document) -> None:
    if "ServerlessJobConfig" in request:
        raise not_implemented("sagemaker", "CreateTrainingJob with a ServerlessJobConfig")
    algorithm = request.get("AlgorithmSpecification", {})
    if "AlgorithmName" in algorithm:
        if "TrainingImage" in algorithm:
            raise validation("AlgorithmSpecification takes either TrainingImage or AlgorithmName, not both.")
        raise not_implemented("sagemaker", "CreateTrainingJob with an AlgorithmName")
    if not algorithm.get("TrainingImage", "").strip():
        raise validation("AlgorithmSpecification.TrainingImage must name an image.")


def _check_cluster(resources_asked: Document) -> None:
    ways = (
        "InstanceType" in resources_asked and resources_asked.get("InstanceCount", 0) > 0,
        bool(resources_asked.get("InstanceGroups")),
        bool(resources_asked.get("InstancePreferences")),
    )
    if sum(ways) != 1:
        raise validation(
            "ResourceConfig needs InstanceType and InstanceCount, or InstanceGroups, or InstancePreferences, "
            "and only one of these."
        )
    if warm_pools.keep_alive({"ResourceConfig": resources_asked}) is not None and not ways[0]:
        raise validation("KeepAlivePeriodInSeconds needs InstanceType: a heterogeneous cluster has no warm pool.")
    groups = resources_asked.get("InstanceGroups", [])
    jobs.refuse_doubled((group["InstanceGroupName"] for group in groups), "Instance group names")


def _check_channels(channels: list[Document], groups: list[Document]) -> None:
    jobs.refuse_doubled((channel["ChannelName"] for channel in channels), "Channel names")
    for channel in channels:
        name, source = channel["ChannelName"], channel["DataSource"]
        if name in (".", ".."):
            raise validation(f"{name!r} cannot be the name of a channel.")
        if len(source) != 1:
            raise validation(f"The DataSource of channel {name!r} needs exactly one source.")
        if "S3DataSource" not in source:
            raise not_implemented("sagemaker", f"CreateTrainingJob with a {next(iter(source))}")
        jobs.require_s3(source["S3DataSource"]["S3Uri"], f"channel {name!r}")
        _check_groups(name, source["S3DataSource"].get("InstanceGroupNames", []), groups)


def _check_groups(channel: str, names: list[str], groups: list[Document]) -> None:
    known = [group["InstanceGroupName"] for group in groups]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise validation(
            f"Channel {channel!r} names the instance group {unknown[0]!r}, which ResourceConfig has not."
        )


def _check_times(request: Document) -> None:
    """Managed spot training, and nothing else, needs a longest wait that covers the longest run."""
    if request.get("EnableManagedSpotTraining") and warm_pools.keep_alive(request) is not None:
        raise validation("KeepAlivePeriodInSeconds cannot be used with managed spot training.")
    condition = request.get("StoppingCondition", {})
    runtime, wait = condition.get("MaxRuntimeInSeconds", MAX_RUNTIME_SECONDS), condition.get("MaxWaitTimeInSeconds")
    if wait is not None and not request.get("EnableManagedSpotTraining"):
        raise validation(
            "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is set to true"
        )
    if request.get("EnableManagedSpotTraining") and (wait is None or wait < runtime):
        raise validation(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds"
        )


def _check_checkpoints(checkpoints: Document) -> None:
    jobs.require_s3(checkpoints["S3Uri"], "CheckpointConfig")
    path = checkpoints.get("LocalPath", CHECKPOINTS)
    if not is_below_root(path):
        raise validation(f"The LocalPath {path!r} of CheckpointConfig is not valid: it must be a path in {ROOT}.")
