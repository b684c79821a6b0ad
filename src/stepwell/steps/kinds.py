"""Room steps: what a type of step is, as data.

In: nothing, these are only values; each file of the room makes one. Out: StepType, from which the engine learns
what to call. A type of `kind` job is a pair of operations; condition and fail are decided by the engine itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from stepwell.base.documents import Document
from stepwell.steps import forms
from stepwell.steps.forms import Form, Models
from stepwell.steps.outcomes import Outcome

Kind: TypeAlias = Literal[
    "job", "condition", "fail", "lambda", "callback", "foreach", "cleanup", "lineage", "unbuilt"
]
"""job: made by an operation and described by another. unbuilt: AWS has it, Stepwell cannot run it yet."""

Shaper: TypeAlias = Callable[[Models], Form]

JOB_MEMBERS = frozenset({"CacheConfig", "RetryPolicies"})
"""Members of a step, beyond those every step has, that types running jobs share."""


@dataclass(frozen=True, slots=True)
class Addition:
    """A further question about what a step made, whose answer belongs to the step's properties."""

    operation: str
    params: Document
    member: str
    """Of the answer; it is called the same among the properties."""


@dataclass(frozen=True, slots=True)
class Need:
    """What must stand before something can be created, and is made where it is missing."""

    noun: str
    """What `Create...` and `Describe...` are followed by."""
    named: Document
    """What describes it."""
    more: Document
    """What its creation takes besides."""

    @property
    def create(self) -> str:
        return f"Create{self.noun}"

    @property
    def describe(self) -> str:
        return f"Describe{self.noun}"


@dataclass(frozen=True, slots=True)
class Job:
    """The operations behind a step, and the names of the members in which they speak of it."""

    noun: str
    """What `Create...` and `Describe...` are followed by: TrainingJob."""
    metadata_key: str
    """Under which its ARN stands in a step's Metadata."""
    outcome: Callable[[Document], Outcome | None]
    """Describe response -> how it ended; None while it runs."""
    service: str = "sagemaker"
    stop: str | None = None
    """The operation that ends it early; None: it is made at once and cannot be stopped."""
    describe_by_arn: bool = False
    """It may have no name that we choose: it is described by the ARN that its creation answered."""
    named: bool = True
    """Its creation takes a name always; else it does so where the step's arguments hold a prefix of one."""
    name_length: int = 63
    role_member: str = "RoleArn"
    """Where the role stands that defaults to the pipeline's own; "" for none."""
    name_variable: str | None = None
    """The execution variable by which a step reads the name of its own job."""
    takes_experiment: bool = False
    """Its creation takes an ExperimentConfig."""
    tagged: bool = True
    """Its creation takes the tag that names the execution."""
    extend: Callable[[Document, str, str], Document] = field(default=lambda request, _arn, _token: request)
    """(request, execution ARN, derived token) -> the request with what only this noun needs."""
    needs: Callable[[Document], Need | None] = field(default=lambda _request: None)
    """The resolved arguments -> what must stand before; `extend` is given them afterwards."""
    addition: Callable[[Document], Addition] | None = None
    """Describe response of what succeeded -> what else to ask; None: the response is all."""

    @property
    def create(self) -> str:
        return f"Create{self.noun}"

    @property
    def describe(self) -> str:
        return f"Describe{self.noun}"

    @property
    def name_member(self) -> str:
        """The member of Create, Describe and Stop requests that names it."""
        return f"{self.noun}Name"

    @property
    def arn_member(self) -> str:
        """The member of the creation's answer that holds its ARN."""
        return f"{self.noun}Arn"


@dataclass(frozen=True, slots=True)
class StepType:
    """A type of step. `job` is there when, and only when, its kind is job."""

    name: str
    kind: Kind
    job: Job | None = None
    members: frozenset[str] = frozenset()
    """Members of a step beyond those that every step may have."""
    required: tuple[str, ...] = ()
    """Those among them that must be there."""
    enums: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What those among them that are words may say."""
    has_property_files: bool = False
    has_properties: bool = True
    arguments: Shaper | None = None
    """What may stand in its Arguments; None: what its operation takes, but for name and role, which are given."""
    properties: Shaper | None = None
    """What `Steps.<name>.` leads into; None: what its Describe operation answers."""

    @property
    def takes_slot(self) -> bool:
        """Whether a step counts for MaxParallelExecutionSteps; Condition and Fail cost nothing (spec 02, 4)."""
        return self.kind not in ("condition", "fail", "unbuilt", "foreach")

    def argument_form(self, models: Models) -> Form:
        """What may stand in the Arguments of a step of this type."""
        if self.arguments is not None:
            return self.arguments(models)
        if self.job is None:
            return forms.FREE
        given = {self.job.role_member, *(("Tags",) if self.job.tagged else ())}
        if self.job.named:
            given.add(self.job.name_member)
        return forms.changed(forms.request(models, self.job.service, self.job.create), optional=given)

    def property_form(self, models: Models) -> Form:
        """What the properties of a step of this type are. Asked only of types that have any."""
        if self.properties is not None:
            return self.properties(models)
        return forms.answer(models, self.job.service, self.job.describe) if self.job else forms.FREE
