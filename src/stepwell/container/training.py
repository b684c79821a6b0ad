"""Room container: training jobs. In: a CreateTrainingJob request. Out: its Plan. Spec 03, section 3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from stepwell.base.documents import Document
from stepwell.container.plan import ROOT, Group, Input, Location, Output, Pipe, Plan, Refusal, hosts, location

CONFIG = f"{ROOT}/input/config"
DATA = f"{ROOT}/input/data"
MODEL = f"{ROOT}/model"
CHECKPOINTS = f"{ROOT}/checkpoints"
TENSORBOARD = f"{ROOT}/output/tensorboard"
CACHE = f"{ROOT}/sagemaker/warmpoolcache"
"""What jobs that run in one warm pool after another share."""
CACHE_VARIABLE = "SAGEMAKER_MANAGED_WARMPOOL_CACHE_DIRECTORY"
LISTINGS: dict[str, Literal["prefix", "manifest", "augmented"]] = {
    "S3Prefix": "prefix",
    "ManifestFile": "manifest",
    "AugmentedManifestFile": "augmented",
}
FOLDERS = (CONFIG, DATA, MODEL, f"{ROOT}/output/data", f"{ROOT}/code")
MAX_RUNTIME_SECONDS = 86400
GRACE_SECONDS = 120.0


def plan(name: str, arn: str, request: Document) -> Plan:
    """What the job is to run. Raises Refusal for what is asked for and cannot be done."""
    algorithm = request["AlgorithmSpecification"]
    channels = request.get("InputDataConfig", ())
    extra_inputs, extra_outputs = _synchronised(name, request)
    has_pool = bool(request.get("ResourceConfig", {}).get("KeepAlivePeriodInSeconds"))
    return Plan(
        arn=arn,
        name=name,
        role_arn=request["RoleArn"],
        image=algorithm["TrainingImage"],
        entrypoint=tuple(algorithm.get("ContainerEntrypoint", ())),
        arguments=tuple(algorithm.get("ContainerArguments", ())),
        groups=tuple(_groups(request)),
        inputs=(*(_input(channel, _mode(channel, algorithm)) for channel in channels), *extra_inputs),
        outputs=(*_results(name, request["OutputDataConfig"]), *extra_outputs),
        folders=(*FOLDERS, *(output.source for output in extra_outputs), *((CACHE,) if has_pool else ())),
        files={
            f"{CONFIG}/hyperparameters.json": request.get("HyperParameters", {}),
            f"{CONFIG}/inputdataconfig.json": {
                each["ChannelName"]: _channel_config(each, _mode(each, algorithm)) for each in channels
            },
        },
        environment={
            "TRAINING_JOB_NAME": name,
            "TRAINING_JOB_ARN": arn,
            **({CACHE_VARIABLE: CACHE} if has_pool else {}),
            **request.get("Environment", {}),
        },
        network=not request.get("EnableNetworkIsolation", False),
        max_runtime_seconds=request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", MAX_RUNTIME_SECONDS),
        grace_seconds=GRACE_SECONDS,
        notices=(*_notices(channels, algorithm), *_cluster_notices(request)),
        max_wait_seconds=request.get("StoppingCondition", {}).get("MaxWaitTimeInSeconds"),
        volume_gib=request.get("ResourceConfig", {}).get("VolumeSizeInGB"),
    )


def model_artifacts(name: str, output: Document) -> Location:
    """Where the model of the training job goes: the archive, or the prefix when it is not to be compressed."""
    below = location(output["S3OutputPath"]).below(f"{name}/output")
    return below.below("model/") if _is_uncompressed(output) else below.below("model.tar.gz")


def _is_uncompressed(output: Document) -> bool:
    return output.get("CompressionType") == "NONE"


def _results(name: str, output: Document) -> tuple[Output, ...]:
    archive = not _is_uncompressed(output)
    below = location(output["S3OutputPath"]).below(f"{name}/output")
    data = below.below("output.tar.gz") if archive else below.below("output/")
    return (
        Output(
            "model",
            MODEL,
            model_artifacts(name, output),
            archive,
            even_if_failed=False,
            even_if_empty=archive,  # clients open model.tar.gz of every completed job
        ),
        Output("output", f"{ROOT}/output/data", data, archive),
    )


def _synchronised(name: str, request: Document) -> tuple[tuple[Input, ...], tuple[Output, ...]]:
    """Checkpoints (brought back before the start) and TensorBoard data."""
    inputs: list[Input] = []
    outputs: list[Output] = []
    checkpoint, board = request.get("CheckpointConfig"), request.get("TensorBoardOutputConfig")
    if checkpoint is not None:
        folder, place = checkpoint.get("LocalPath", CHECKPOINTS), location(checkpoint["S3Uri"])
        inputs.append(Input("checkpoints", place, folder, optional=True))
        outputs.append(Output("checkpoints", folder, place, continuous=True))
    if board is not None:
        place = location(board["S3OutputPath"]).below(f"{name}/tensorboard-output")
        outputs.append(Output("tensorboard", board.get("LocalPath", TENSORBOARD), place, continuous=True))
    return tuple(inputs), tuple(outputs)


def _groups(request: Document) -> Iterator[Group]:
    resources = request.get("ResourceConfig", {})
    first = 1
    for group in resources.get("InstanceGroups", ()):
        names = hosts(group["InstanceCount"], first)
        first += len(names)
        yield Group(group["InstanceGroupName"], group["InstanceType"], names)
    if first == 1:
        preferred: Document = next(iter(resources.get("InstancePreferences", ())), {})
        instance_type = resources.get("InstanceType") or preferred.get("InstanceType", "")
        count = resources.get("InstanceCount") or preferred.get("InstanceCount", 1)
        yield Group("homogeneousCluster", instance_type, hosts(count))


def _mode(channel: Document, algorithm: Document) -> str:
    return str(channel.get("InputMode") or algorithm["TrainingInputMode"])


def _input(channel: Document, mode: str) -> Input:
    name = channel["ChannelName"]
    source = channel["DataSource"].get("S3DataSource")
    if source is None:
        raise Refusal(f'Channel "{name}" does not read from S3; other data sources are not built yet.')
    if source["S3DataType"] not in LISTINGS:
        raise Refusal(f'Channel "{name}" asks for S3DataType {source["S3DataType"]}, which is not built yet.')
    if mode != "Pipe":
        _require_files(name, channel, source)
    return Input(
        name,
        location(source["S3Uri"]),
        f"{DATA}/{name}",
        LISTINGS[source["S3DataType"]],
        sharded=source.get("S3DataDistributionType") == "ShardedByS3Key",
        groups=tuple(source.get("InstanceGroupNames", ())),
        pipe=_pipe(channel) if mode == "Pipe" else None,
        attributes=_attributes(name, source),
    )


def _pipe(channel: Document) -> Pipe:
    return Pipe(
        unzipped=channel.get("CompressionType", "None") == "Gzip",
        wrapped=channel.get("RecordWrapperType", "None") == "RecordIO",
        seed=channel.get("ShuffleConfig", {}).get("Seed"),
    )


def _require_files(name: str, channel: Document, source: Document) -> None:
    """Refuses what only a stream can have (AWS: Channel and S3DataSource in the API reference)."""
    if source["S3DataType"] == "AugmentedManifestFile":
        raise Refusal(f'Channel "{name}": S3DataType AugmentedManifestFile can only be used with InputMode Pipe.')
    if channel.get("CompressionType", "None") != "None":
        raise Refusal(f'Channel "{name}": CompressionType Gzip can only be used with InputMode Pipe.')
    if channel.get("RecordWrapperType", "None") != "None":
        raise Refusal(f'Channel "{name}": RecordWrapperType RecordIO can only be used with InputMode Pipe.')


def _attributes(name: str, source: Document) -> tuple[str, ...]:
    attributes = tuple(source.get("AttributeNames", ()))
    if source["S3DataType"] == "AugmentedManifestFile" and not attributes:
        raise Refusal(f'Channel "{name}": S3DataType AugmentedManifestFile needs AttributeNames.')
    return attributes


def _channel_config(channel: Document, mode: str) -> Document:
    source = channel["DataSource"].get("S3DataSource", {})
    config = {
        "TrainingInputMode": "Pipe" if mode == "Pipe" else "File",  # FastFile channels are copied as well
        "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
        "RecordWrapperType": channel.get("RecordWrapperType", "None"),
    }
    if "ContentType" in channel:
        config["ContentType"] = channel["ContentType"]
    return config


def _notices(channels: list[Document], algorithm: Document) -> Iterator[str]:
    for channel in channels:
        if _mode(channel, algorithm) == "FastFile":
            yield f'Channel "{channel["ChannelName"]}" asks for FastFile mode; its data is copied first, as for File.'


def _cluster_notices(request: Document) -> Iterator[str]:
    hosts_asked = sum(len(group.hosts) for group in _groups(request))
    if request.get("EnableNetworkIsolation") and hosts_asked > 1:
        yield "Network isolation keeps the hosts of this job apart too; on AWS they may still speak to each other."
    if request.get("DebugRuleConfigurations") or request.get("ProfilerRuleConfigurations"):
        yield "Rules of the debugger and the profiler are not evaluated here."
    if request.get("EnableManagedSpotTraining"):
        yield "Managed spot training: nothing interrupts this job, and all of its time is billable."
