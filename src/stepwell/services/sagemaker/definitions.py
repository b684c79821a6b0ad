"""What the pipeline nouns ask of the definition language: texts in, checked and resolved values out.

Parsing is pure, so its results are kept by text: an engine that looks at one execution many times parses once.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from stepwell.base import times
from stepwell.base.documents import Document
from stepwell.base.faults import Fault, validation
from stepwell.checks.running import findings
from stepwell.definition.json_text import JSON
from stepwell.definition.model import Pipeline
from stepwell.definition.parse import MAXIMUM_LENGTH, parse
from stepwell.definition.problems import DefinitionError
from stepwell.definition.resolve import ResolutionError, resolve
from stepwell.definition.values import StoredValues
from stepwell.machines.pipeline_execution import Plan, plan_of
from stepwell.services.registry import Call
from stepwell.spec import models


def text_of(call: Call, request: Document) -> str:
    """The definition of a Create or Update request, inline or from S3. Raises ValidationException."""
    inline, location = request.get("PipelineDefinition"), request.get("PipelineDefinitionS3Location")
    if inline is not None and location is not None:
        raise validation("Both Pipeline Definition and Pipeline Definition S3 Location shouldn't be present")
    if inline is not None:
        return str(inline)
    if location is None:
        raise validation("Either Pipeline Definition or Pipeline Definition S3 location should be provided")
    return _from_s3(call, location)


def checked(text: str) -> Pipeline:
    """The pipeline of that text; raises one ValidationException with everything that is wrong with it."""
    pipeline, problems = findings(text, models.operation)
    if problems:
        raise DefinitionError(problems)
    return pipeline


@lru_cache(maxsize=128)
def parsed(text: str) -> Pipeline:
    """The pipeline of a text whose structure is right; raises DefinitionError if it is not."""
    return parse(text)


@lru_cache(maxsize=128)
def plan(text: str) -> Plan:
    """What that definition says about the order of its steps."""
    return plan_of(parsed(text))


@lru_cache(maxsize=128)
def step_texts(text: str) -> dict[str, Document]:
    """What listings say of each step besides what happened to it."""
    return {
        step.name: {"StepDisplayName": step.display_name, "StepDescription": step.description}
        for step in parsed(text).steps
    }


def execution_variables(
    pipeline: str, pipeline_arn: str, execution_id: str, execution_arn: str, started: float, now: float | None = None
) -> dict[str, JSON]:
    """The values of `Execution.*` (spec 01, section 3); times are ISO 8601."""
    return {
        "StartDateTime": times.iso(started),
        "CurrentDateTime": times.iso(started if now is None else now),
        "PipelineName": pipeline,
        "PipelineArn": pipeline_arn,
        "PipelineExecutionId": execution_id,
        "PipelineExecutionArn": execution_arn,
    }


def experiment_config(
    pipeline: Pipeline, parameters: Mapping[str, JSON], variables: Mapping[str, JSON]
) -> Document | None:
    """PipelineExperimentConfig with its expressions resolved; None: the pipeline has no experiment.

    A name that it leaves out is the pipeline's, or the execution's id (the guide's pipelines-experiments).
    """
    if pipeline.experiment is None:
        return None
    values = StoredValues(pipeline, parameters, variables, lambda _step: None, _nothing_to_read)
    defaults = {"ExperimentName": variables["PipelineName"], "TrialName": variables["PipelineExecutionId"]}
    try:
        return {**defaults, **{name: resolve(tree, values) for name, tree in pipeline.experiment.items()}}
    except ResolutionError as error:
        raise validation(f"PipelineExperimentConfig: {error}") from error


def _nothing_to_read(uri: str) -> str:
    raise Fault("AccessDenied", f"{uri} cannot be read before the execution runs.")


def _from_s3(call: Call, location: Document) -> str:
    wanted = {"Bucket": location["Bucket"], "Key": location["ObjectKey"]}
    if "VersionId" in location:
        wanted["VersionId"] = location["VersionId"]
    place = f"s3://{location['Bucket']}/{location['ObjectKey']}"
    try:
        answer = call.call("s3", "GetObject", wanted)
    except Fault as fault:
        raise validation(f"Unable to read the pipeline definition at {place}: {fault.message}") from fault
    if answer["ContentLength"] > MAXIMUM_LENGTH * 4:
        raise validation(f"The pipeline definition at {place} has more than {MAXIMUM_LENGTH} characters.")
    try:
        return str(answer["Body"].read().decode())
    except UnicodeDecodeError as error:
        raise validation(f"The pipeline definition at {place} is not UTF-8 text: {error.reason}.") from error
