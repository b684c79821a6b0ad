"""AddTags, ListTags, DeleteTags, and the tags of a Create."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from registry_door import SageMaker, arn, opened, refused

from stepwell.base.documents import Document

GROUP = arn("model-package-group/shelf")


@pytest.fixture
def sagemaker(tmp_path: Path) -> Iterator[SageMaker]:
    with opened(tmp_path) as call:
        call("CreateModelPackageGroup", ModelPackageGroupName="shelf", Tags=tags(a="1", b="2"))
        yield call


def tags(**by_key: str) -> list[Document]:
    return [{"Key": key, "Value": value} for key, value in by_key.items()]


def test_tags_of_a_create_are_listed(sagemaker: SageMaker) -> None:
    assert sagemaker("ListTags", ResourceArn=GROUP) == {"Tags": tags(a="1", b="2")}


def test_added_tags_replace_those_of_the_same_key_and_all_are_answered(sagemaker: SageMaker) -> None:
    added = [{"Key": "b", "Value": "3"}, {"Key": "sagemaker:project-name", "Value": "p"}]
    answer = sagemaker("AddTags", ResourceArn=GROUP, Tags=added)
    assert answer == {"Tags": [*tags(a="1", b="3"), added[1]]}
    assert sagemaker("ListTags", ResourceArn=GROUP) == answer


def test_deleted_tags_are_gone_and_unknown_keys_are_no_error(sagemaker: SageMaker) -> None:
    assert sagemaker("DeleteTags", ResourceArn=GROUP, TagKeys=["a", "ghost"]) == {}
    assert sagemaker("ListTags", ResourceArn=GROUP) == {"Tags": tags(b="2")}


def test_an_arn_that_lost_its_capitals_still_leads_to_the_tags(sagemaker: SageMaker) -> None:
    sagemaker("CreateModelPackageGroup", ModelPackageGroupName="Shelf-B", Tags=tags(c="3"))
    lowered = arn("model-package-group/shelf-b")
    assert sagemaker("ListTags", ResourceArn=lowered) == {"Tags": tags(c="3")}
    sagemaker("AddTags", ResourceArn=lowered, Tags=tags(d="4"))
    exact = arn("model-package-group/Shelf-B")
    assert sagemaker("ListTags", ResourceArn=exact) == {"Tags": tags(c="3", d="4")}


@pytest.mark.parametrize("operation", ["AddTags", "ListTags", "DeleteTags"])
@pytest.mark.parametrize(
    "missing",
    [
        arn("model-package-group/ghost"),
        arn("model/shelf"),
        arn("no-such-kind/shelf"),
        GROUP.replace("123456789012", "999999999999"),
        GROUP.replace("eu-west-1", "us-east-1"),
    ],
)
def test_nothing_else_has_tags(sagemaker: SageMaker, operation: str, missing: str) -> None:
    every: dict[str, Document] = {"AddTags": {"Tags": tags(a="1")}, "DeleteTags": {"TagKeys": ["a"]}}
    more = every.get(operation, {})
    refused("ResourceNotFound", missing, lambda: sagemaker(operation, ResourceArn=missing, **more))


def test_versions_have_the_tags_of_their_group(sagemaker: SageMaker) -> None:
    version = sagemaker("CreateModelPackage", ModelPackageGroupName="shelf")["ModelPackageArn"]
    refused("ValidationException", "tag the group", lambda: sagemaker("ListTags", ResourceArn=version))


@pytest.mark.parametrize(
    ("bad", "code", "text"),
    [
        ([*tags(x="1"), *tags(x="2")], "ValidationException", "Duplicate tag keys"),
        ([{"Key": "aws:x", "Value": "1"}], "ValidationException", "reserved"),
        ([{"Key": "AWS:x", "Value": "1"}], "ValidationException", "reserved"),
    ],
)
def test_bad_tags_are_refused_and_nothing_is_made(
    sagemaker: SageMaker, bad: list[Document], code: str, text: str
) -> None:
    refused(code, text, lambda: sagemaker("AddTags", ResourceArn=GROUP, Tags=bad))
    container = {"Image": "image"}
    for operation, params in (
        ("CreateModel", {"ModelName": "m", "PrimaryContainer": container}),
        ("CreateModelPackageGroup", {"ModelPackageGroupName": "g"}),
        ("CreateModelPackage", {"ModelPackageName": "p"}),
    ):
        refused(code, text, lambda: sagemaker(operation, **params, Tags=bad))  # noqa: B023
    assert sagemaker("ListModels")["Models"] == []
    assert sagemaker("ListModelPackages")["ModelPackageSummaryList"] == []
    assert len(sagemaker("ListModelPackageGroups")["ModelPackageGroupSummaryList"]) == 1
    assert sagemaker("ListTags", ResourceArn=GROUP) == {"Tags": tags(a="1", b="2")}


def test_tags_of_awss_own_cannot_be_deleted(sagemaker: SageMaker) -> None:
    refused(
        "ValidationException",
        "reserved",
        lambda: sagemaker("DeleteTags", ResourceArn=GROUP, TagKeys=["aws:cloudformation:stack-name"]),
    )


def test_a_resource_has_at_most_50_tags(sagemaker: SageMaker) -> None:
    sagemaker("AddTags", ResourceArn=GROUP, Tags=tags(**{f"k{number:02}": "" for number in range(48)}))
    refused("ResourceLimitExceeded", "50", lambda: sagemaker("AddTags", ResourceArn=GROUP, Tags=tags(one_more="1")))
    assert len(sagemaker("AddTags", ResourceArn=GROUP, Tags=tags(a="9"))["Tags"]) == 50
    first = sagemaker("ListTags", ResourceArn=GROUP, MaxResults=50)
    assert len(first["Tags"]) == 50 and "NextToken" not in first


def test_what_is_deleted_leaves_no_tags(sagemaker: SageMaker) -> None:
    sagemaker("DeleteModelPackageGroup", ModelPackageGroupName="shelf")
    sagemaker("CreateModelPackageGroup", ModelPackageGroupName="shelf")
    assert sagemaker("ListTags", ResourceArn=GROUP) == {"Tags": []}
