"""Room machines: the trial component of a job. In: a job's name, ARN, status and document. Out: a Component.

What AWS's SDK notebooks show of components that SageMaker made by itself (spec 04, section 2). To add a kind of job:
its line in KINDS, and a function for what it puts in, takes out and was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from stepwell.base.documents import Document

NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
MEDIA_TYPE = re.compile(r"[-\w]+/[-\w+]+")
LONGEST_MEDIA_TYPE = 64
LONGEST_MESSAGE = 1024
LONGEST_TEXT = 2500
LONGEST_ARTIFACT = 2048


@dataclass(frozen=True, slots=True)
class Component:
    """What the job says of its component now. `asked` are members that stand from its creation on, `reached` those
    that change as the job goes on."""

    name: str
    status: str
    asked: Document
    reached: Document
    outputs: Mapping[str, Document]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of job: the end of its components' names, and what their sources are called."""

    suffix: str
    source_type: str
    word: str
    """Begins its members, such as TrainingStartTime."""
    parts: Callable[[Document], Parts]


@dataclass(frozen=True, slots=True)
class Parts:
    """What differs between kinds of jobs."""

    parameters: Document
    inputs: Mapping[str, Document]
    outputs: Mapping[str, Document]
    message: Callable[[str], str]
    """Status -> what the component's status says of it."""


def component(kind: str, name: str, arn: str, status: str, document: Document) -> Component:
    """The component of the job of that kind (the resource type of its ARN) as it stands."""
    this = KINDS[kind]
    parts = this.parts(document)
    own_name = component_name(kind, name)
    shown = document.get("ExperimentConfig", {}).get("TrialComponentDisplayName", own_name)
    asked: Document = {
        "DisplayName": shown,
        "Source": source(kind, arn),
        "Parameters": parts.parameters,
        "InputArtifacts": dict(parts.inputs),
    }
    reached: Document = {"Status": {"PrimaryStatus": status, "Message": parts.message(status)[:LONGEST_MESSAGE]}}
    for member in ("StartTime", "EndTime"):
        if f"{this.word}{member}" in document:
            reached[member] = document[f"{this.word}{member}"]
    return Component(own_name, status, asked, reached, parts.outputs)


def component_name(kind: str, job: str) -> str:
    """The name of the component that a job of that name has."""
    return f"{job}-{KINDS[kind].suffix}"


def source(kind: str, arn: str) -> Document:
    """A TrialComponentSource that names the job."""
    return {"SourceArn": arn, "SourceType": KINDS[kind].source_type}


def parameter(text: object) -> Document:
    """A hyperparameter's value: a number where the text is one."""
    shown = str(text)
    if NUMBER.fullmatch(shown) and abs(float(shown)) != float("inf"):
        return {"NumberValue": float(shown)}
    return {"StringValue": shown[:LONGEST_TEXT]}


def artifact(uri: str, media_type: str | None = None) -> Document:
    """A TrialComponentArtifact; a content type that is more than a media type is left out, as the API has it."""
    found: Document = {"Value": uri[:LONGEST_ARTIFACT]}
    if media_type and len(media_type) <= LONGEST_MEDIA_TYPE and MEDIA_TYPE.fullmatch(media_type):
        found["MediaType"] = media_type
    return found


def _training(document: Document) -> Parts:
    asked = document.get("ResourceConfig", {})
    image = document.get("AlgorithmSpecification", {}).get("TrainingImage")
    channels = document.get("InputDataConfig", ())
    outputs: dict[str, Document] = {}
    if "S3ModelArtifacts" in document.get("ModelArtifacts", {}):
        outputs["SageMaker.ModelArtifact"] = artifact(document["ModelArtifacts"]["S3ModelArtifacts"])
    if "DebugHookConfig" in document:
        outputs["SageMaker.DebugHookOutput"] = artifact(document["DebugHookConfig"]["S3OutputPath"])
    return Parts(
        {name: parameter(value) for name, value in document.get("HyperParameters", {}).items()}
        | _resources(image, _groups(asked), asked.get("VolumeSizeInGB")),
        {
            channel["ChannelName"]: artifact(
                channel["DataSource"]["S3DataSource"]["S3Uri"], channel.get("ContentType")
            )
            for channel in channels
            if "S3DataSource" in channel.get("DataSource", {})
        },
        outputs,
        lambda status: (
            f"Status: {status}, secondary status: {document.get('SecondaryStatus', status)}, "
            f"failure reason: {document.get('FailureReason', '')}."
        ),
    )


def _processing(document: Document) -> Parts:
    cluster = document.get("ProcessingResources", {}).get("ClusterConfig", {})
    image = document.get("AppSpecification", {}).get("ImageUri")
    outputs = document.get("ProcessingOutputConfig", {}).get("Outputs", ())
    return Parts(
        _resources(image, _groups(cluster), cluster.get("VolumeSizeInGB")),
        {
            each["InputName"]: artifact(each["S3Input"]["S3Uri"])
            for each in document.get("ProcessingInputs", ())
            if "S3Input" in each
        },
        {each["OutputName"]: artifact(each["S3Output"]["S3Uri"]) for each in outputs if "S3Output" in each},
        lambda status: (
            f"Status: {status}, exit message: {document.get('ExitMessage', 'null')}, "
            f"failure reason: {document.get('FailureReason', 'null')}"
        ),
    )


def _groups(asked: Document) -> list[Document]:
    """The groups of instances that the job asked for; preferences are tried in their order, the first is taken."""
    preferred = asked.get("InstancePreferences", ())[:1]
    return list(asked.get("InstanceGroups", ()) or preferred or ([asked] if asked.get("InstanceType") else ()))


def _resources(image: str | None, groups: Iterable[Document], gigabytes: int | None) -> Document:
    """What every job says of where it runs. Of several groups of instances: how many, and the types in order."""
    found: Document = {}
    if image:
        found["SageMaker.ImageUri"] = {"StringValue": image[:LONGEST_TEXT]}
    given = list(groups)
    if given:
        found["SageMaker.InstanceCount"] = {"NumberValue": float(sum(each.get("InstanceCount", 1) for each in given))}
        types = dict.fromkeys(each["InstanceType"] for each in given)
        found["SageMaker.InstanceType"] = {"StringValue": ",".join(types)}
    if gigabytes is not None:
        found["SageMaker.VolumeSizeInGB"] = {"NumberValue": float(gigabytes)}
    return found


KINDS: Mapping[str, Kind] = {
    "training-job": Kind("aws-training-job", "SageMakerTrainingJob", "Training", _training),
    "processing-job": Kind("aws-processing-job", "SageMakerProcessingJob", "Processing", _processing),
}
