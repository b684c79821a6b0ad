"""Room container: processing jobs. In: a CreateProcessingJob request. Out: its Plan. Spec 03, section 2."""

from __future__ import annotations

from pathlib import PurePosixPath

from stepwell.base.documents import Document
from stepwell.container.plan import ROOT, Group, Input, Output, Pipe, Plan, Refusal, hosts, is_below_root, location

FOLDER = f"{ROOT}/processing"
MAX_RUNTIME_SECONDS = 86400
GRACE_SECONDS = 30.0
"""AWS names no grace period for processing jobs; this is what its inference containers get."""


def plan(name: str, arn: str, request: Document) -> Plan:
    """What the job is to run. Raises Refusal for what is asked for and cannot be done."""
    application = request["AppSpecification"]
    _refuse_feature_store(request)
    inputs = tuple(_input(each) for each in request.get("ProcessingInputs", ()) if not each.get("AppManaged"))
    outputs = request.get("ProcessingOutputConfig", {}).get("Outputs", ())
    taken = tuple(_output(each) for each in outputs if not each.get("AppManaged"))
    return Plan(
        arn=arn,
        name=name,
        role_arn=request["RoleArn"],
        image=application["ImageUri"],
        entrypoint=tuple(application.get("ContainerEntrypoint", ())),
        arguments=tuple(application.get("ContainerArguments", ())),
        groups=(_cluster(request),),
        inputs=inputs,
        outputs=taken,
        folders=(FOLDER, f"{ROOT}/output", *(output.source for output in taken)),
        files={f"{ROOT}/config/processingjobconfig.json": config(name, arn, request)},
        environment=request.get("Environment", {}),
        network=not request.get("NetworkConfig", {}).get("EnableNetworkIsolation", False),
        max_runtime_seconds=request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", MAX_RUNTIME_SECONDS),
        grace_seconds=GRACE_SECONDS,
        volume_gib=request["ProcessingResources"]["ClusterConfig"].get("VolumeSizeInGB"),
    )


def is_local_path(path: str) -> bool:
    """Whether inputs and outputs may use `path`: below /opt/ml/processing, as it is written."""
    return is_below_root(path) and PurePosixPath(path).parts[3] == "processing"


def config(name: str, arn: str, request: Document) -> Document:
    """What processingjobconfig.json says: the whole request, with null for what was not given."""
    application, outputs = request["AppSpecification"], request.get("ProcessingOutputConfig", {})
    cluster = request["ProcessingResources"]["ClusterConfig"]
    return {
        "ProcessingJobArn": arn,
        "ProcessingJobName": name,
        "Environment": request.get("Environment", {}),
        "AppSpecification": {"ContainerEntrypoint": None, "ContainerArguments": None, **application},
        "ProcessingInputs": [_input_config(each) for each in request.get("ProcessingInputs", ())],
        "ProcessingOutputConfig": {"KmsKeyId": None, "Outputs": [], **outputs},
        "ProcessingResources": {"ClusterConfig": {"VolumeKmsKeyId": None, **cluster}},
        "NetworkConfig": request.get("NetworkConfig"),
        "RoleArn": request["RoleArn"],
        "StoppingCondition": {"MaxRuntimeInSeconds": MAX_RUNTIME_SECONDS, **request.get("StoppingCondition", {})},
        "ExperimentConfig": request.get("ExperimentConfig"),
    }


def _input_config(given: Document) -> Document:
    defaults = {
        "S3DataDistributionType": "FullyReplicated",
        "S3InputMode": "File",
        "S3CompressionType": "None",
    }
    result = {"AppManaged": False, "DatasetDefinition": None, **given}
    if "S3Input" in given:
        result["S3Input"] = {**defaults, **given["S3Input"]}
    return result


def _cluster(request: Document) -> Group:
    cluster = request["ProcessingResources"]["ClusterConfig"]
    preferred: Document = next(iter(cluster.get("InstancePreferences", ())), {})
    instance_type = cluster.get("InstanceType") or preferred.get("InstanceType", "")
    count = cluster.get("InstanceCount") or preferred.get("InstanceCount", 1)
    return Group("homogeneousCluster", instance_type, hosts(count))


def _input(given: Document) -> Input:
    name, source = given["InputName"], given.get("S3Input")
    if source is None:
        raise Refusal(_no_query(name, given.get("DatasetDefinition", {})))
    return Input(
        name,
        location(source["S3Uri"]),
        _local_path(name, source.get("LocalPath", "")),
        "manifest" if source["S3DataType"] == "ManifestFile" else "prefix",
        sharded=source.get("S3DataDistributionType") == "ShardedByS3Key",
        pipe=Pipe(unzipped=source.get("S3CompressionType") == "Gzip")
        if source.get("S3InputMode") == "Pipe"
        else None,
    )


def _no_query(name: str, definition: Document) -> str:
    """What is missing to make the data set of a definition."""
    service = "Amazon Athena" if "AthenaDatasetDefinition" in definition else "Amazon Redshift"
    return (
        f'Input "{name}" is the result of a query that {service} is to run, and there is no {service} here. '
        "Write the result of the query to S3 and give it as S3Input."
    )


def _output(given: Document) -> Output:
    name, target = given["OutputName"], given["S3Output"]
    return Output(
        name,
        _local_path(name, target.get("LocalPath", "")),
        location(target["S3Uri"]),
        continuous=target.get("S3UploadMode") == "Continuous",
    )


def _refuse_feature_store(request: Document) -> None:
    for each in request.get("ProcessingOutputConfig", {}).get("Outputs", ()):
        group = each.get("FeatureStoreOutput", {}).get("FeatureGroupName")
        if group:
            raise Refusal(
                f'Output "{each["OutputName"]}" goes to the feature group "{group}" of Amazon SageMaker Feature '
                "Store, which is not here. Give it an S3Output instead."
            )


def _local_path(name: str, path: str) -> str:
    if not is_local_path(path):
        raise Refusal(f'The LocalPath "{path}" of "{name}" must lie below {FOLDER}.')
    return path
