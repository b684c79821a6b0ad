"""What Search finds: the record of each kind of resource, as its SearchRecord shape says. Spec 04, section 4.

A record is what the resource's Describe answers, as far as the shape has it, and members that are joined to it: tags,
parents, details of a source. Joined members are read for many records together, and only where they are looked at.
To add a kind: a line in SEARCHED; what its record takes from elsewhere, in `search_joined.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from stepwell.base.documents import Document
from stepwell.base.faults import Fault, validation
from stepwell.definition.parameters import listed
from stepwell.machines import search_properties
from stepwell.machines.search_expressions import Naming
from stepwell.machines.search_properties import Property
from stepwell.services.sagemaker import experiment_entities as entities
from stepwell.services.sagemaker import search_joined as joined
from stepwell.services.sagemaker.experiment_entities import COMPONENT
from stepwell.services.sagemaker.search_joined import Joined, Pair, Reading
from stepwell.spec import models
from stepwell.spec.models import Shape
from stepwell.store.resources import Resource

Base = Callable[[Reading, Resource], Document]


@dataclass(frozen=True)
class Searched:
    """One kind of resource as Search knows it."""

    resource: str
    """As the request names it."""
    kind: str
    """As its rows do."""
    base: Base
    """The record without what is joined. Raises Fault for a resource that clients cannot see."""
    member: str = ""
    """As a result names it; as the request does, where this is empty."""
    joined: Mapping[str, Joined] = field(default_factory=lambda: {"Tags": joined.tags})
    elsewhere: frozenset[str] = frozenset()
    """Members that change without the resource: no index has them."""
    living: frozenset[str] = frozenset()
    """Members that change without the resource while `is_living` is true of it."""
    is_living: Callable[[Reading, Resource], bool] = lambda _reading, _row: False
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Words that names may begin with, in lower case, and what they stand for."""
    contained: frozenset[str] = frozenset()
    """Members of which Contains may be used more than once."""

    @property
    def shown_as(self) -> str:
        """The member of a SearchRecord that holds the record."""
        return self.member or self.resource

    @cached_property
    def shape(self) -> Shape:
        """The shape of its records."""
        service = models.service("sagemaker")
        found = service.shape("SearchRecord").members.get(self.shown_as)
        return found.shape if found else service.shape(self.resource)

    @cached_property
    def naming(self) -> Naming:
        """How its properties are named."""
        return Naming(self.find, self.list_at, self.contained)

    @cached_property
    def default_sort(self) -> str:
        """What results are sorted by when nobody says."""
        return "LastModifiedTime" if "LastModifiedTime" in self.shape.members else "CreationTime"

    def find(self, name: str, plain: bool = False) -> Property:
        """The property of that name. Raises ValidationException."""
        try:
            return search_properties.find(self.shape, self._meant(name), plain)
        except Fault:
            raise validation(f"Unknown property name: {name}") from None

    def list_at(self, name: str) -> tuple[str, ...]:
        """The path of the list of that name. Raises ValidationException."""
        return search_properties.list_at(self.shape, self._meant(name))

    def is_indexable(self, wanted: Property) -> bool:
        """Whether the index can keep it."""
        return wanted.is_unique and wanted.path[0] not in self.elsewhere

    def records(
        self, reading: Reading, rows: Sequence[Resource], members: Collection[str] | None = None
    ) -> list[Document | None]:
        """The record of each row; None for one that clients cannot see. Of joined members only these, or all."""
        found = [self._record(reading, row) for row in rows]
        seen = [(row, record) for row, record in zip(rows, found, strict=True) if record is not None]
        self._join(reading, seen, self.joined if members is None else self.joined.keys() & members)
        return found

    def complete(self, reading: Reading, pairs: Sequence[Pair], members: Collection[str]) -> None:
        """Give records that have these joined members all others."""
        self._join(reading, pairs, self.joined.keys() - members)

    def _join(self, reading: Reading, pairs: Sequence[Pair], members: Collection[str]) -> None:
        for member in members:
            for (_, record), value in zip(pairs, self.joined[member](reading, pairs), strict=True):
                if value:
                    record[member] = value

    def _record(self, reading: Reading, row: Resource) -> Document | None:
        try:
            described = self.base(reading, row)
        except Fault:
            return None
        record = {member: described[member] for member in self._members if described.get(member) is not None}
        if "LastModifiedTime" in self._members:
            record.setdefault("LastModifiedTime", row.modified)
        return record

    @cached_property
    def _members(self) -> tuple[str, ...]:
        return tuple(self.shape.members)

    def _meant(self, name: str) -> str:
        first, dot, rest = name.partition(".")
        meant = self.aliases.get(first.lower())
        return f"{meant}{dot}{rest}" if meant else name


def _described(operation: str, member: str, arn_kind: str = "") -> Base:
    """The record is what this operation answers for the row's name, or for its ARN."""

    def base(reading: Reading, row: Resource) -> Document:
        reference = reading.scope.arn("sagemaker", f"{arn_kind}/{row.name}") if arn_kind else row.name
        return reading.describe(operation, {member: reference})

    return base


def _execution(reading: Reading, row: Resource) -> Document:
    arn = reading.scope.arn("sagemaker", f"pipeline/{row.key.parent}/execution/{row.name}")
    described = reading.describe("DescribePipelineExecution", {"PipelineExecutionArn": arn})
    return {**described, "PipelineParameters": listed(row.document["Parameters"])}


def _version(reading: Reading, row: Resource) -> Document:
    pipeline = reading.scope.arn("sagemaker", f"pipeline/{row.key.parent}")
    names = ("PipelineVersionDisplayName", "PipelineVersionDescription", "CreatedBy", "LastModifiedBy")
    return {
        **{name: row.document[name] for name in names if name in row.document},
        "PipelineArn": pipeline,
        "PipelineVersionId": row.document["PipelineVersionId"],
        "CreationTime": row.created,
        "LastModifiedTime": row.modified,
    }


def _model(reading: Reading, row: Resource) -> Document:
    return {"Model": reading.describe("DescribeModel", {"ModelName": row.name})}


def _component(reading: Reading, row: Resource) -> Document:
    maps: Document = {"Parameters": {}, "InputArtifacts": {}, "OutputArtifacts": {}}
    return {**maps, **row.document, **entities.named(reading.scope, COMPONENT, row)}


_MODEL_MEMBERS = (
    "ModelName", "PrimaryContainer", "Containers", "InferenceExecutionConfig", "ExecutionRoleArn", "VpcConfig",
    "CreationTime", "ModelArn", "EnableNetworkIsolation", "Tags", "DeploymentRecommendation",
)  # fmt: skip
_VERSION_JOINED = {
    "LastExecutedPipelineExecutionArn": joined.last_execution,
    "LastExecutedPipelineExecutionDisplayName": joined.last_execution_name,
    "LastExecutedPipelineExecutionStatus": joined.last_execution_status,
    "PipelineVersionAliases": joined.version_aliases,
}

SEARCHED: Mapping[str, Searched] = {
    each.resource: each
    for each in (
        Searched(
            "TrainingJob",
            "training-job",
            _described("DescribeTrainingJob", "TrainingJobName"),
            aliases={"metrics": "FinalMetricDataList"},
        ),
        Searched(
            "HyperParameterTuningJob",
            "hyper-parameter-tuning-job",
            _described("DescribeHyperParameterTuningJob", "HyperParameterTuningJobName"),
            elsewhere=frozenset({"ConsumedResources"}),
        ),
        Searched("Pipeline", "pipeline", _described("DescribePipeline", "PipelineName")),
        Searched("PipelineExecution", "pipeline-execution", _execution, joined={}),
        Searched(
            "PipelineVersion",
            "pipeline-version",
            _version,
            joined=_VERSION_JOINED,
            elsewhere=frozenset(_VERSION_JOINED),
        ),
        Searched(
            "ModelPackage", "model-package", _described("DescribeModelPackage", "ModelPackageName", "model-package")
        ),
        Searched(
            "ModelPackageGroup",
            "model-package-group",
            _described("DescribeModelPackageGroup", "ModelPackageGroupName"),
        ),
        Searched(
            "Model",
            "model",
            _model,
            joined={"Model": joined.tagged_model},
            elsewhere=frozenset({"Endpoints", "LastBatchTransformJob", "MonitoringSchedules", "ModelCard"}),
            aliases={name.lower(): f"Model.{name}" for name in _MODEL_MEMBERS},
        ),
        Searched(
            "Experiment",
            "experiment",
            _described("DescribeExperiment", "ExperimentName"),
            contained=frozenset({"DisplayName", "ExperimentName", "Tags"}),
        ),
        Searched(
            "ExperimentTrial",
            "experiment-trial",
            _described("DescribeTrial", "TrialName"),
            "Trial",
            joined={"Tags": joined.tags, "TrialComponentSummaries": joined.component_summaries},
            elsewhere=frozenset({"TrialComponentSummaries"}),
            contained=frozenset({"DisplayName", "TrialName", "Tags"}),
        ),
        Searched(
            "ExperimentTrialComponent",
            COMPONENT.kind,
            _component,
            "TrialComponent",
            joined={
                "Metrics": joined.metrics,
                "Tags": joined.tags,
                "Parents": joined.parents,
                "SourceDetail": joined.source_detail,
            },
            elsewhere=frozenset({"SourceDetail"}),
            living=frozenset({"Metrics"}),
            is_living=joined.has_running_job,
            contained=frozenset({"DisplayName", "TrialComponentName", "Tags", "InputArtifacts", "OutputArtifacts"}),
        ),
    )
}
BY_KIND = {each.kind: each for each in SEARCHED.values()}

NEVER_MADE = {
    "Endpoint": "CreateEndpoint",
    "FeatureGroup": "CreateFeatureGroup",
    "FeatureMetadata": "CreateFeatureGroup",
    "Image": "CreateImage",
    "ImageVersion": "CreateImageVersion",
    "Project": "CreateProject",
    "ModelCard": "CreateModelCard",
    "Job": "CreateJob",
    "HubContent": "ImportHubContent",
}
"""Resources that do not exist as long as nothing answers the operation that makes them: none is found."""


def never_made(resource: str) -> Searched:
    """A kind that does not exist yet: its properties have names, and there is none."""

    def base(_reading: Reading, _row: Resource) -> Document:
        raise AssertionError(f"there is no {resource}")

    return Searched(resource, f"no-{resource}", base, joined={})
