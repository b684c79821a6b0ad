"""Models: what makes one, what refuses one, lists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from registry_door import SageMaker, arn, opened, refused

from stepwell.base.documents import Document

IMAGE = {"Image": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"}
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"


@pytest.fixture
def sagemaker(tmp_path: Path) -> Iterator[SageMaker]:
    with opened(tmp_path) as call:
        yield call


def test_a_model_is_described_as_it_was_created(sagemaker: SageMaker) -> None:
    container = {**IMAGE, "ModelDataUrl": "s3://b/model.tar.gz", "Environment": {"A": "b"}}
    made = sagemaker("CreateModel", ModelName="Churn-1", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    assert made == {"ModelArn": arn("model/Churn-1")}
    described = sagemaker("DescribeModel", ModelName="Churn-1")
    created = described.pop("CreationTime")
    assert isinstance(created, float)
    assert described == {
        "ModelName": "Churn-1",
        "ModelArn": arn("model/Churn-1"),
        "PrimaryContainer": {**container, "Mode": "SingleModel"},
        "ExecutionRoleArn": ROLE,
        "EnableNetworkIsolation": False,
    }


def test_a_model_of_several_containers(sagemaker: SageMaker) -> None:
    containers = [{**IMAGE, "ContainerHostname": "a", "Mode": "MultiModel"}, {**IMAGE, "ContainerHostname": "b"}]
    sagemaker("CreateModel", ModelName="m", Containers=containers, InferenceExecutionConfig={"Mode": "Direct"})
    described = sagemaker("DescribeModel", ModelName="m")
    assert [container["Mode"] for container in described["Containers"]] == ["MultiModel", "SingleModel"]
    assert "PrimaryContainer" not in described


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({}, "either PrimaryContainer or Containers"),
        ({"Containers": []}, "either PrimaryContainer or Containers"),
        ({"PrimaryContainer": IMAGE, "Containers": [IMAGE]}, "but not both"),
        ({"PrimaryContainer": {"ModelDataUrl": "s3://b/k"}}, "either Image or ModelPackageName"),
        ({"Containers": [{**IMAGE, "ContainerHostname": "a"}] * 2}, "must be unique"),
        (
            {
                "PrimaryContainer": {
                    **IMAGE,
                    "ModelDataUrl": "s3://b/k",
                    "ModelDataSource": {
                        "S3DataSource": {"S3Uri": "s3://b/k", "S3DataType": "S3Prefix", "CompressionType": "None"}
                    },
                }
            },
            "either ModelDataUrl or ModelDataSource",
        ),
        ({"PrimaryContainer": {"ModelPackageName": "ghost"}}, f"ModelPackage {arn('model-package/ghost')} does not"),
    ],
)
def test_what_makes_no_model_leaves_none(sagemaker: SageMaker, params: Document, text: str) -> None:
    refused("ValidationException", text, lambda: sagemaker("CreateModel", ModelName="m", **params))
    assert sagemaker("ListModels") == {"Models": []}


def test_a_model_of_a_version_needs_its_approval(sagemaker: SageMaker) -> None:
    sagemaker("CreateModelPackageGroup", ModelPackageGroupName="shelf")
    version = sagemaker("CreateModelPackage", ModelPackageGroupName="shelf")["ModelPackageArn"]
    params = {"ModelName": "m", "Containers": [{"ModelPackageName": version}]}
    refused("ValidationException", "PendingManualApproval", lambda: sagemaker("CreateModel", **params))
    sagemaker("UpdateModelPackage", ModelPackageArn=version, ModelApprovalStatus="Approved")
    sagemaker("CreateModel", **params)
    assert sagemaker("DescribeModel", ModelName="m")["Containers"] == [{"ModelPackageName": version}]


def test_an_unversioned_package_needs_no_approval(sagemaker: SageMaker) -> None:
    sagemaker("CreateModelPackage", ModelPackageName="product")
    sagemaker("CreateModel", ModelName="m", PrimaryContainer={"ModelPackageName": "product"})


def test_names_are_unique(sagemaker: SageMaker) -> None:
    sagemaker("CreateModel", ModelName="m", PrimaryContainer=IMAGE)
    refused(
        "ValidationException",
        f'Cannot create already existing model "{arn("model/m")}".',
        lambda: sagemaker("CreateModel", ModelName="m", PrimaryContainer=IMAGE),
    )


@pytest.mark.parametrize("operation", ["DescribeModel", "DeleteModel"])
def test_a_model_that_is_missed(sagemaker: SageMaker, operation: str) -> None:
    message = f'Could not find model "{arn("model/ghost")}".'
    refused("ValidationException", message, lambda: sagemaker(operation, ModelName="ghost"))


def test_a_deleted_model_is_gone_with_its_tags(sagemaker: SageMaker) -> None:
    for tags in ([{"Key": "a", "Value": "b"}], []):
        sagemaker("CreateModel", ModelName="m", PrimaryContainer=IMAGE, Tags=tags)
        assert sagemaker("ListTags", ResourceArn=arn("model/m"))["Tags"] == tags
        assert sagemaker("DeleteModel", ModelName="m") == {}
    assert sagemaker("ListModels") == {"Models": []}


def names(answer: Document) -> list[str]:
    return [model["ModelName"] for model in answer["Models"]]


def test_lists_sort_filter_and_page(sagemaker: SageMaker) -> None:
    for name in ("beta", "alpha", "gamma-Alpha"):
        sagemaker("CreateModel", ModelName=name, PrimaryContainer=IMAGE)
    assert names(sagemaker("ListModels")) == ["gamma-Alpha", "alpha", "beta"]
    assert names(sagemaker("ListModels", SortBy="Name", SortOrder="Ascending")) == ["alpha", "beta", "gamma-Alpha"]
    assert names(sagemaker("ListModels", NameContains="ALPHA")) == ["gamma-Alpha", "alpha"]
    assert names(sagemaker("ListModels", CreationTimeAfter=4e9)) == []
    first = sagemaker("ListModels", MaxResults=2)
    assert set(first["Models"][0]) == {"ModelName", "ModelArn", "CreationTime"}
    second = sagemaker("ListModels", MaxResults=2, NextToken=first["NextToken"])
    assert names(first) + names(second) == ["gamma-Alpha", "alpha", "beta"]
    assert "NextToken" not in second
