"""Room steps: every type is there, and what it says of operations is true in AWS's models."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

from stepwell import steps
from stepwell.spec.models import operation
from stepwell.steps import registry
from stepwell.steps.kinds import Job, StepType

SHARED = {
    "cache_keys",
    "check_members",
    "forms",
    "kinds",
    "names",
    "outcomes",
    "output_parameters",
    "reasons",
    "registry",
    "requests",
}
FILES = [found.name for found in pkgutil.iter_modules(steps.__path__) if found.name not in SHARED]
JOBS = [(name, type_.job) for name, type_ in registry.TYPES.items() if type_.job]


@pytest.mark.parametrize("file", FILES)
def test_every_file_exports_a_type(file: str) -> None:
    type_ = importlib.import_module(f"stepwell.steps.{file}").TYPE
    assert isinstance(type_, StepType)
    assert registry.of(type_.name) is type_
    assert type_.name.lower() == file.removesuffix("_step").replace("_", "")


def test_the_first_six_types_run() -> None:
    built = {name for name, type_ in registry.TYPES.items() if type_.kind != "unbuilt"}
    assert built >= {"Processing", "Training", "Model", "RegisterModel", "Condition", "Fail"}


def test_all_of_awss_types_are_known() -> None:
    """Metadata of step listings has a member for each type; names differ where AWS calls a step otherwise."""
    metadata = operation("sagemaker", "ListPipelineExecutionSteps").service.shape("PipelineExecutionStepMetadata")
    called = {
        "TrainingJob": "Training",
        "ProcessingJob": "Processing",
        "TransformJob": "Transform",
        "TuningJob": "Tuning",
        "AutoMLJob": "AutoML",
    }
    unpublished = {"Athena", "HubContent"}
    assert {called.get(key, key) for key in metadata.members} - unpublished == set(registry.TYPES)


def test_unknown_types_are_unknown() -> None:
    with pytest.raises(KeyError):
        registry.of("Nonsense")


@pytest.mark.parametrize("name", registry.TYPES)
def test_a_type_has_a_job_when_its_kind_says_so(name: str) -> None:
    type_ = registry.of(name)
    assert (type_.job is not None) is (type_.kind == "job")
    assert type_.takes_slot is (type_.kind in ("job", "lambda", "callback", "cleanup", "lineage"))


@pytest.mark.parametrize(("name", "job"), JOBS)
def test_operations_and_members_are_the_models(name: str, job: Job) -> None:
    created, described = operation(job.service, job.create), operation(job.service, job.describe)
    assert created.input_shape and created.output_shape and described.input_shape and described.output_shape
    assert job.arn_member in created.output_shape.members
    assert job.arn_member in described.output_shape.members
    assert described.input_shape.required == (job.name_member,)
    if job.named:
        assert job.name_member in created.input_shape.required
    if job.role_member:
        assert job.role_member in created.input_shape.members
    if job.stop:
        stopped = operation(job.service, job.stop).input_shape
        assert stopped is not None
        assert stopped.required == (job.name_member,)
    assert job.tagged <= ("Tags" in created.input_shape.members)
    assert job.takes_experiment <= ("ExperimentConfig" in created.input_shape.members)


@pytest.mark.parametrize(("name", "job"), JOBS)
def test_metadata_keys_are_the_models(name: str, job: Job) -> None:
    service = operation("sagemaker", "ListPipelineExecutionSteps").service
    assert "Arn" in service.shape("PipelineExecutionStepMetadata").members[job.metadata_key].shape.members
