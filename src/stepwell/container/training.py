"""Room container: training jobs. In: a CreateTrainingJob request. Out: its Plan. Spec 03, section 3."""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.base.documents import Document
from stepwell.container.plan import ROOT, Group, Input, Location, Output, Plan, Refusal, hosts, location

CONFIG = f"{ROOT}/input/config"
DATA = f"{ROOT}/input/data"
MODEL = f"{ROOT}/model"
CHECKPOINTS = f"{ROOT}/checkpoints"
TENSORBOARD = f"{ROOT}/output/tensorboard"
FOLDERS = (CONFIG, DATA, MODEL, f"{ROOT}/output/data", f"{ROOT}/code")
MAX_RUNTIME_SECONDS = 86400
GRACE_SECONDS = 120.0


def plan(name: str, arn: str, request: Document) -> Plan:
    """What the job is to run. Raises Refusal for what is asked for and cannot be done."""
    algorithm = request["AlgorithmSpecification"]
    channels = request.get("InputDataConfig", ())
    extra_inputs, extra_outputs = _synchronised(request)
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
        folders=(*FOLDERS, *(output.source for output in extra_outputs)),
        files={
            f"{CONFIG}/hyperparameters.json": request.get("HyperParameters", {}),
            f"{CONFIG}/inputdataconfig.json": {each["ChannelName"]: _channel_config(each) for each in channels},
        },
        environment={"TRAINING_JOB_NAME": name, "TRAINING_JOB_ARN": arn, **request.get("Environment", {})},
        network=not request.get("EnableNetworkIsolation", False),
        max_runtime_seconds=request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", MAX_RUNTIME_SECONDS),
        grace_seconds=GRACE_SECONDS,
        notices=tuple(_notices(channels, algorithm)),
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


def _synchronised(request: Document) -> tuple[tuple[Input, ...], tuple[Output, ...]]:
    """Checkpoints (brought back before the start) and TensorBoard data."""
    inputs: list[Input] = []
    outputs: list[Output] = []
    checkpoint, board = request.get("CheckpointConfig"), request.get("TensorBoardOutputConfig")
    if checkpoint is not None:
        folder, place = checkpoint.get("LocalPath", CHECKPOINTS), location(checkpoint["S3Uri"])
        inputs.append(Input("checkpoints", place, folder, optional=True))
        outputs.append(Output("checkpoints", folder, place))
    if board is not None:
        place = location(board["S3OutputPath"]).below(f"{request['TrainingJobName']}/tensorboard-output")
        outputs.append(Output("tensorboard", board.get("LocalPath", TENSORBOARD), place))
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
    if mode == "Pipe":
        raise Refusal(f'Channel "{name}" asks for Pipe mode, which is not built yet. Use File or FastFile.')
    if source["S3DataType"] not in ("S3Prefix", "ManifestFile"):
        raise Refusal(f'Channel "{name}" asks for S3DataType {source["S3DataType"]}, which is not built yet.')
    if channel.get("CompressionType", "None") != "None":
        raise Refusal(f'Channel "{name}" asks for Gzip decompression, which needs Pipe mode and is not built yet.')
    return Input(
        name,
        location(source["S3Uri"]),
        f"{DATA}/{name}",
        "manifest" if source["S3DataType"] == "ManifestFile" else "prefix",
        sharded=source.get("S3DataDistributionType") == "ShardedByS3Key",
    )


def _channel_config(channel: Document) -> Document:
    source = channel["DataSource"].get("S3DataSource", {})
    config = {
        "TrainingInputMode": "File",  # FastFile channels are copied as well; Pipe channels are refused
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
