"""What a step run alone needs, from rows; and every mistake in what is given for it, told at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from stepwell.base.arn import Scope
from stepwell.base.faults import Fault
from stepwell.definition.paths import parse_path
from stepwell.services.registry import Door, Site
from stepwell.services.sagemaker import spins
from stepwell.services.sagemaker.spins import Spin, Wish
from stepwell.store import steps
from stepwell.store.steps import Step

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
URI = "Steps.Make.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"
RESOURCES = {"ClusterConfig": {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}}
MAKE: dict[str, Any] = {
    "Name": "Make",
    "Type": "Processing",
    "Arguments": {
        "ProcessingResources": RESOURCES,
        "AppSpecification": {"ImageUri": "python:3.11", "ContainerEntrypoint": ["true"]},
        "RoleArn": ROLE,
    },
}


def read(path: str) -> dict[str, str]:
    return {"Get": path}


USE = {
    "Name": "Use",
    "Type": "Processing",
    "Arguments": {
        "ProcessingResources": {
            "ClusterConfig": {
                **RESOURCES["ClusterConfig"],
                "InstanceCount": read("Steps.Make.ProcessingResources.ClusterConfig.InstanceCount"),
            }
        },
        "AppSpecification": {"ImageUri": read("Parameters.Image"), "ContainerEntrypoint": ["true"]},
        "Environment": {
            "PLACE": read(URI),
            "STATUS": read("Steps.Make.ProcessingJobStatus"),
            "COLOUR": read("Parameters.Colour"),
        },
        "RoleArn": ROLE,
    },
}
DEFINITION = {
    "Version": "2020-12-01",
    "Parameters": [
        {"Name": "Image", "Type": "String"},
        {"Name": "Colour", "Type": "String", "DefaultValue": "red", "EnumValues": ["red", "blue"]},
        {"Name": "Unread", "Type": "Integer"},
    ],
    "Steps": [MAKE, USE],
}
ALL = (
    "Parameters.Image=python:3.11",
    f"{URI}=s3://b/x",
    "Steps.Make.ProcessingJobStatus=Completed",
    "Steps.Make.ProcessingResources.ClusterConfig.InstanceCount=2",
)


Gather = Callable[..., Spin]


@pytest.fixture
def gather(site: Site, door: Door, scope: Scope) -> Gather:
    text = json.dumps(DEFINITION)
    request = {"PipelineName": "p", "PipelineDefinition": text, "RoleArn": ROLE, "ClientRequestToken": "t" * 32}
    door.call(scope, "sagemaker", "CreatePipeline", request)

    def gathered(*given: str, step: str = "Use", **members: Any) -> Spin:
        wish = replace(Wish("p", step, given), **members)
        with site.database.read() as connection:
            return spins.gathered(connection, scope, wish, "spin12345678", 5.0)

    return gathered


def refused(gather: Gather, *given: str, **members: Any) -> list[str]:
    with pytest.raises(Fault) as raised:
        gather(*given, **members)
    return raised.value.message.split("\n")


def test_all_that_is_given(gather: Gather, scope: Scope) -> None:
    spin = gather(*ALL, "Parameters.Colour=blue")
    pipeline = scope.arn("sagemaker", "pipeline/p")
    assert (spin.origin.id, spin.origin.derived_from, spin.role) == ("spin12345678", pipeline, ROLE)
    assert spin.execution == f"{pipeline}/execution/spin12345678"
    for path, value in (
        ("Parameters.Colour", "blue"),
        (URI, "s3://b/x"),
        ("Steps.Make.ProcessingResources.ClusterConfig.InstanceCount", 2),
        ("Execution.PipelineExecutionId", "spin12345678"),
    ):
        assert spin.values.lookup(parse_path(path)) == value


def test_everything_that_is_missing_is_told_at_once(gather: Gather) -> None:
    head, *rows = refused(gather)
    assert head == "Use reads what has no value yet (or take them all: --from EXECUTION):"
    assert [row.split() for row in rows] == [
        ["--set", "Steps.Make.ProcessingResources.ClusterConfig.InstanceCount=", "(integer)"],
        ["--set", "Parameters.Image=", "(String)"],
        ["--set", f"{parse_path(URI)}=", "(string)"],
        ["--set", "Steps.Make.ProcessingJobStatus=", "(string)"],
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("Steps.Make.ProcessingJobStatus", "a value is missing. Say --set Steps.Make.ProcessingJobStatus=VALUE."),
        ("Steps.Make.ProcessingJobStatus=Compleded", "is none of its values. Did you mean 'Completed'?"),
        ("Steps.Make.ProcessingResources.ClusterConfig.InstanceCount=two", "'two' is no whole number."),
        ("Steps.Make.ProcessingResources.ClusterConfig.InstanceCount=1.5", "'1.5' is no whole number."),
        ("Steps.Make.ProcessingResources.ClusterConfig.InstanceCount=true", "'true' is no whole number."),
        ("Steps.Mak.ProcessingJobStatus=x", "the pipeline has no step 'Mak'. Did you mean 'Make'?"),
        ("Steps.Make.ProcessingJobStatu=x", "Use does not read it. Did you mean 'Steps.Make.ProcessingJobStatus'?"),
        ("Parameters.Color=red", "the pipeline has no parameter 'Color'. Did you mean 'Colour'?"),
        ("Parameters.Colour=green", "'green' is not one of [red, blue]."),
        ("Parameters.Unread=x", "'x' is not of type Integer."),
        ("Colour=red", "must begin with one of"),
        ("ForEach.CurrentItem=1", "Use does not read it."),
    ],
)
def test_each_mistake(gather: Gather, given: str, said: str) -> None:
    kept = [each for each in ALL if each.partition("=")[0] != given.partition("=")[0]]
    (message,) = refused(gather, *kept, given)
    assert said in message


def test_all_mistakes_at_once(gather: Gather) -> None:
    told = refused(gather, "Colour=red", "Parameters.Color=red", *ALL[:3])
    assert [line.split()[0] for line in told] == ["--set", "--set", "Use", "--set"]


def test_values_of_an_execution(site: Site, door: Door, scope: Scope, gather: Gather) -> None:
    given = [{"Name": "Image", "Value": "stored:1"}, {"Name": "Unread", "Value": "1"}]
    started = door.call(
        scope,
        "sagemaker",
        "StartPipelineExecution",
        {"PipelineName": "p", "PipelineParameters": given, "ClientRequestToken": "s" * 32},
    )
    arn = started["PipelineExecutionArn"]
    left = {
        "ProcessingJobStatus": "Completed",
        "ProcessingResources": RESOURCES,
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": {"S3Uri": "s3://b/stored"}}]},
    }
    with site.database.write() as transaction:
        steps.save(transaction, Step(arn, "Make", "Failed", 1, 0.0, 1.0, properties=left))
    head, *rows = refused(gather, source=arn)
    assert head == "Use reads what has no value yet (in that execution they have no value either):"
    assert len(rows) == 3
    with site.database.write() as transaction:
        steps.save(transaction, Step(arn, "Make", "Succeeded", 1, 0.0, 1.0, properties=left))
    spin = gather("Steps.Make.ProcessingJobStatus=Stopped", source="p")
    assert spin.origin.derived_from == arn
    for path, value in (
        ("Parameters.Image", "stored:1"),
        (URI, "s3://b/stored"),
        ("Steps.Make.ProcessingJobStatus", "Stopped"),
    ):
        assert spin.values.lookup(parse_path(path)) == value


def test_a_step_of_a_loop_is_given_its_item(site: Site, door: Door, scope: Scope) -> None:
    body = {
        **MAKE,
        "Name": "Body",
        "Arguments": {**MAKE["Arguments"], "Environment": {"ITEM": read("ForEach.CurrentItem")}},
    }
    arguments = {"IterableItems": ["a"], "MaxConcurrency": 1, "ForEachBody": [body]}
    loop = {"Name": "Loop", "Type": "ForEach", "Arguments": arguments}
    text = json.dumps({"Version": "2020-12-01", "Steps": [loop]})
    request = {"PipelineName": "q", "PipelineDefinition": text, "RoleArn": ROLE, "ClientRequestToken": "t" * 32}
    door.call(scope, "sagemaker", "CreatePipeline", request)
    with site.database.read() as connection:
        wish = Wish("q", "Body", ["ForEach.CurrentItem=b"])
        spin = spins.gathered(connection, scope, wish, "spin12345678", 5.0)
    assert spin.values.lookup(parse_path("ForEach.CurrentItem")) == "b"


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"step": "Us"}, "The pipeline 'p' has no step 'Us'. Did you mean 'Use'?"),
        ({"step": "Nothing"}, "It has: Make, Use."),
        ({"pipeline": "q"}, "does not exist"),
        ({"source": "p/none"}, "There is no execution"),
    ],
)
def test_what_does_not_exist(gather: Gather, members: dict[str, Any], said: str) -> None:
    assert said in refused(gather, **members)[0]
