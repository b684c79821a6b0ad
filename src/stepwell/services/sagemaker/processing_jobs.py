"""Processing jobs: a container over data from S3, its results back to S3. Spec 03, section 2."""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.base.faults import Fault, not_found, validation
from stepwell.container.processing import FOLDER, MAX_RUNTIME_SECONDS, is_local_path
from stepwell.services.registry import Call, operation
from stepwell.services.sagemaker import jobs
from stepwell.services.sagemaker.jobs import Noun


def _missing(name: str) -> Fault:
    return not_found(f"Could not find requested job with name: {name}")


QUERIES = ("AthenaDatasetDefinition", "RedshiftDatasetDefinition")
NOUN = Noun("processing-job", "ProcessingJob", "processing job", _missing)


@operation
def create_processing_job(call: Call, request: Document) -> Document:
    inputs = request.get("ProcessingInputs", [])
    outputs = request.get("ProcessingOutputConfig", {}).get("Outputs", [])
    _check_application(request["AppSpecification"])
    _check_cluster(request["ProcessingResources"]["ClusterConfig"])
    jobs.refuse_doubled((each["InputName"] for each in inputs), "Input names")
    jobs.refuse_doubled((each["OutputName"] for each in outputs), "Output names")
    for each in inputs:
        _check_input(each)
    for each in outputs:
        _check_output(each)
    paths = [each.get("S3Input", each.get("DatasetDefinition", {})).get("LocalPath") for each in inputs]
    jobs.refuse_doubled((path for path in paths if path), "Local paths of inputs")
    document = {name: value for name, value in request.items() if name not in ("ProcessingJobName", "Tags")}
    document.setdefault("StoppingCondition", {"MaxRuntimeInSeconds": MAX_RUNTIME_SECONDS})
    return jobs.create(call, NOUN, request, document)


@operation
def describe_processing_job(call: Call, request: Document) -> Document:
    return jobs.describe(call, NOUN, request)


@operation
def list_processing_jobs(call: Call, request: Document) -> Document:
    return jobs.listed(call, NOUN, request, ("ProcessingEndTime", "FailureReason", "ExitMessage"))


@operation
def stop_processing_job(call: Call, request: Document) -> Document:
    return jobs.stop(call, NOUN, request, lambda _row: {})


@operation
def delete_processing_job(call: Call, request: Document) -> Document:
    return jobs.delete(call, NOUN, request)


def _check_application(application: Document) -> None:
    if not application["ImageUri"].strip():
        raise validation("AppSpecification.ImageUri must name an image.")


def _check_cluster(cluster: Document) -> None:
    if not cluster.get("InstancePreferences") and not (cluster.get("InstanceType") and cluster.get("InstanceCount")):
        raise validation("ClusterConfig needs InstanceType and InstanceCount, or InstancePreferences.")


def _check_input(given: Document) -> None:
    name, source = given["InputName"], given.get("S3Input")
    if (source is None) == ("DatasetDefinition" not in given):
        raise validation(f"Input {name!r} needs exactly one of S3Input and DatasetDefinition.")
    if source is None:
        _check_definition(name, given)
        return
    jobs.require_s3(source["S3Uri"], f"input {name!r}")
    if not given.get("AppManaged"):
        _check_local_path(source.get("LocalPath"), f"input {name!r}")
    if source.get("S3CompressionType") == "Gzip" and source.get("S3InputMode") != "Pipe":
        raise validation(f"Input {name!r}: S3CompressionType Gzip can only be used with S3InputMode Pipe.")


def _check_definition(name: str, given: Document) -> None:
    """A data set by a query. That there is nobody to run it fails the job, not its creation."""
    definition = given["DatasetDefinition"]
    queries = [definition[kind] for kind in QUERIES if kind in definition]
    if len(queries) != 1:
        raise validation(f"The DatasetDefinition of input {name!r} needs exactly one of {' and '.join(QUERIES)}.")
    jobs.require_s3(queries[0]["OutputS3Uri"], f"input {name!r}")
    if not given.get("AppManaged"):
        _check_local_path(definition.get("LocalPath"), f"input {name!r}")


def _check_output(given: Document) -> None:
    name, target = given["OutputName"], given.get("S3Output")
    if given.get("FeatureStoreOutput") and not given.get("AppManaged"):
        raise validation(f"Output {name!r}: FeatureStoreOutput is only supported when AppManaged is true.")
    if target is None:
        if not given.get("FeatureStoreOutput"):
            raise validation(f"Output {name!r} needs S3Output or FeatureStoreOutput.")
        return
    jobs.require_s3(target["S3Uri"], f"output {name!r}")
    if not given.get("AppManaged"):
        _check_local_path(target.get("LocalPath"), f"output {name!r}")


def _check_local_path(path: str | None, whose: str) -> None:
    if path is None or not is_local_path(path):
        raise validation(f"The LocalPath {path!r} of {whose} is not valid: it must be an absolute path in {FOLDER}.")
