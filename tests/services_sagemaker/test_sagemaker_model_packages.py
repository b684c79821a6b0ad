"""The model registry: groups, versions, approval, idempotency, lists."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from registry_door import SCOPE, SageMaker, arn, opened, refused

from stepwell.base.documents import Document

SPECIFICATION = {
    "Containers": [{"Image": "image", "ModelDataUrl": "s3://b/model.tar.gz"}],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}
GROUP = arn("model-package-group/Shelf")


@pytest.fixture
def sagemaker(tmp_path: Path) -> Iterator[SageMaker]:
    with opened(tmp_path) as call:
        call("CreateModelPackageGroup", ModelPackageGroupName="Shelf", ModelPackageGroupDescription="Churn models")
        yield call


def register(sagemaker: SageMaker, group: str = "Shelf", **params: object) -> str:
    return str(sagemaker("CreateModelPackage", ModelPackageGroupName=group, **params)["ModelPackageArn"])


def describe(sagemaker: SageMaker, name: str) -> Document:
    return sagemaker("DescribeModelPackage", ModelPackageName=name)


def test_a_group_is_described_by_name_and_by_arn(sagemaker: SageMaker) -> None:
    described = sagemaker("DescribeModelPackageGroup", ModelPackageGroupName="Shelf")
    assert described == {
        "ModelPackageGroupName": "Shelf",
        "ModelPackageGroupArn": GROUP,
        "ModelPackageGroupDescription": "Churn models",
        "ModelPackageGroupStatus": "Completed",
        "CreationTime": described["CreationTime"],
        "CreatedBy": {"IamIdentity": {"Arn": SCOPE.principal}},
    }
    for reference in (GROUP, GROUP.lower()):
        assert sagemaker("DescribeModelPackageGroup", ModelPackageGroupName=reference) == described


def test_a_group_is_made_once(sagemaker: SageMaker) -> None:
    refused(
        "ValidationException",
        f"Model Package Group already exists: {GROUP}",
        lambda: sagemaker("CreateModelPackageGroup", ModelPackageGroupName="Shelf"),
    )


@pytest.mark.parametrize(
    ("operation", "more"),
    [
        ("DescribeModelPackageGroup", {}),
        ("DeleteModelPackageGroup", {}),
        ("CreateModelPackage", {}),
        ("ListModelPackages", {}),
        ("PutModelPackageGroupPolicy", {"ResourcePolicy": "{}"}),
        ("GetModelPackageGroupPolicy", {}),
        ("DeleteModelPackageGroupPolicy", {}),
    ],
)
def test_a_group_that_is_missed(sagemaker: SageMaker, operation: str, more: Document) -> None:
    message = f"ModelPackageGroup {arn('model-package-group/ghost')} does not exist."
    refused("ValidationException", message, lambda: sagemaker(operation, ModelPackageGroupName="ghost", **more))


def test_a_group_of_another_account_is_not_found_here(sagemaker: SageMaker) -> None:
    foreign = GROUP.replace("123456789012", "999999999999")
    refused("ValidationException", foreign, lambda: register(sagemaker, foreign))


def test_versions_count_up_from_one_and_never_come_back(sagemaker: SageMaker) -> None:
    made = [register(sagemaker, reference) for reference in ("Shelf", GROUP)]
    assert made == [arn("model-package/Shelf/1"), arn("model-package/Shelf/2")]
    sagemaker("DeleteModelPackage", ModelPackageName=made[1])
    assert register(sagemaker) == arn("model-package/Shelf/3")


def test_a_version_is_described(sagemaker: SageMaker) -> None:
    made = register(
        sagemaker,
        ModelPackageDescription="first",
        InferenceSpecification=SPECIFICATION,
        MetadataProperties={"GeneratedBy": arn("pipeline/p/execution/abc")},
        CustomerMetadataProperties={"k": "v"},
        ModelLifeCycle={"Stage": "Development", "StageStatus": "InProgress"},
    )
    described = describe(sagemaker, made)
    assert {
        "ModelPackageGroupName": "Shelf",
        "ModelPackageVersion": 1,
        "ModelPackageArn": made,
        "ModelPackageDescription": "first",
        "InferenceSpecification": SPECIFICATION,
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        "ModelApprovalStatus": "PendingManualApproval",
        "CertifyForMarketplace": False,
        "MetadataProperties": {"GeneratedBy": arn("pipeline/p/execution/abc")},
        "CustomerMetadataProperties": {"k": "v"},
        "ModelLifeCycle": {"Stage": "Development", "StageStatus": "InProgress"},
        "CreatedBy": {"IamIdentity": {"Arn": SCOPE.principal}},
    }.items() <= described.items()
    assert "ModelPackageName" not in described
    assert "LastModifiedTime" not in described
    for reference in ("Shelf/1", made.lower()):
        assert describe(sagemaker, reference) == described


def test_an_unversioned_package_has_a_name_tags_and_no_approval(sagemaker: SageMaker) -> None:
    made = sagemaker(
        "CreateModelPackage",
        ModelPackageName="product",
        InferenceSpecification=SPECIFICATION,
        Tags=[{"Key": "a", "Value": "b"}],
    )["ModelPackageArn"]
    assert made == arn("model-package/product")
    for reference in ("product", made):
        described = describe(sagemaker, reference)
        assert described["ModelPackageName"] == "product"
        assert not {"ModelPackageVersion", "ModelPackageGroupName", "ModelApprovalStatus"} & described.keys()
    assert sagemaker("ListTags", ResourceArn=made)["Tags"] == [{"Key": "a", "Value": "b"}]
    refused(
        "ValidationException",
        f"ModelPackage already exists: {made}",
        lambda: sagemaker("CreateModelPackage", ModelPackageName="product"),
    )


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        (
            {"ModelPackageName": "p", "ModelPackageGroupName": "Shelf"},
            "ValidationException",
            "Cannot determine which",
        ),
        ({}, "ValidationException", "Missing ARN."),
        (
            {"ModelPackageGroupName": "Shelf", "Tags": [{"Key": "a", "Value": "b"}]},
            "ValidationException",
            "tags of its group",
        ),
        (
            {
                "ModelPackageName": "p",
                "ValidationSpecification": {
                    "ValidationRole": "arn:aws:iam::123456789012:role/SageMakerRole",
                    "ValidationProfiles": [
                        {
                            "ProfileName": "p",
                            "TransformJobDefinition": {
                                "TransformInput": {
                                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/k"}}
                                },
                                "TransformOutput": {"S3OutputPath": "s3://b/o"},
                                "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
                            },
                        }
                    ],
                },
            },
            "NotImplementedException",
            "ValidationSpecification",
        ),
    ],
)
def test_what_makes_no_package_leaves_none(sagemaker: SageMaker, params: Document, code: str, text: str) -> None:
    refused(code, text, lambda: sagemaker("CreateModelPackage", **params))
    assert sagemaker("ListModelPackages", ModelPackageType="Both") == {"ModelPackageSummaryList": []}
    assert register(sagemaker).endswith("/1")


def test_a_repeated_create_is_the_first_one(sagemaker: SageMaker) -> None:
    first = register(sagemaker, ClientToken="token-of-the-cause")
    register(sagemaker, ClientToken="another")
    assert register(sagemaker, ClientToken="token-of-the-cause") == first
    sagemaker("CreateModelPackageGroup", ModelPackageGroupName="other")
    assert register(sagemaker, "other", ClientToken="token-of-the-cause") == arn("model-package/other/1")
    for _ in range(2):
        sagemaker("CreateModelPackage", ModelPackageName="product", ClientToken="token-of-the-cause")
    assert register(sagemaker) == arn("model-package/Shelf/3")


def test_creates_at_once_get_different_versions(sagemaker: SageMaker) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: register(sagemaker), range(24)))
    assert {int(version.rpartition("/")[2]) for version in made} == set(range(1, 25))


APPROVALS = ["PendingManualApproval", "Approved", "Rejected"]


@pytest.mark.parametrize("before", APPROVALS)
@pytest.mark.parametrize("after", APPROVALS)
def test_any_approval_may_follow_any(sagemaker: SageMaker, before: str, after: str) -> None:
    made = register(sagemaker, ModelApprovalStatus=before)
    answer = sagemaker(
        "UpdateModelPackage", ModelPackageArn=made, ModelApprovalStatus=after, ApprovalDescription="because"
    )
    assert answer == {"ModelPackageArn": made}
    described = describe(sagemaker, made)
    assert (described["ModelApprovalStatus"], described["ApprovalDescription"]) == (after, "because")
    assert described["LastModifiedTime"] >= described["CreationTime"]
    assert described["LastModifiedBy"] == {"IamIdentity": {"Arn": SCOPE.principal}}


def test_an_update_changes_what_it_names_and_nothing_else(sagemaker: SageMaker) -> None:
    made = register(sagemaker, CustomerMetadataProperties={"keep": "1", "drop": "2"}, Domain="COMPUTER_VISION")
    added = {"Name": "compiled", **SPECIFICATION}
    sagemaker(
        "UpdateModelPackage",
        ModelPackageArn=made,
        CustomerMetadataProperties={"new": "3", "keep": "4"},
        CustomerMetadataPropertiesToRemove=["drop", "ghost"],
        AdditionalInferenceSpecificationsToAdd=[added],
        ModelLifeCycle={"Stage": "Production", "StageStatus": "Done"},
        SourceUri="s3://b/source",
        InferenceSpecification=SPECIFICATION,
    )
    described = describe(sagemaker, made)
    assert described["CustomerMetadataProperties"] == {"keep": "4", "new": "3"}
    assert described["AdditionalInferenceSpecifications"] == [added]
    assert described["ModelLifeCycle"] == {"Stage": "Production", "StageStatus": "Done"}
    assert described["SourceUri"] == "s3://b/source"
    assert described["InferenceSpecification"] == SPECIFICATION
    assert described["Domain"] == "COMPUTER_VISION"
    assert described["ModelApprovalStatus"] == "PendingManualApproval"
    sagemaker("UpdateModelPackage", ModelPackageArn=made, CustomerMetadataPropertiesToRemove=["keep", "new"])
    assert "CustomerMetadataProperties" not in describe(sagemaker, made)
    assert describe(sagemaker, made)["AdditionalInferenceSpecifications"] == [added]


def test_updates_beyond_awss_limits_change_nothing(sagemaker: SageMaker) -> None:
    made = register(sagemaker, CustomerMetadataProperties={f"k{number}": "v" for number in range(50)})
    specifications = [{"Name": f"s{number}", **SPECIFICATION} for number in range(16)]
    sagemaker("UpdateModelPackage", ModelPackageArn=made, AdditionalInferenceSpecificationsToAdd=specifications[:15])
    before = describe(sagemaker, made)
    for text, params in (
        ("50 CustomerMetadataProperties", {"CustomerMetadataProperties": {"one-more": "v"}}),
        ("15 AdditionalInference", {"AdditionalInferenceSpecificationsToAdd": specifications[15:]}),
        ("must be unique", {"AdditionalInferenceSpecificationsToAdd": specifications[:1]}),
    ):
        refused(
            "ValidationException",
            text,
            lambda: sagemaker("UpdateModelPackage", ModelPackageArn=made, **params),  # noqa: B023
        )
    assert describe(sagemaker, made) == before


@pytest.mark.parametrize(
    ("operation", "member"),
    [
        ("DescribeModelPackage", "ModelPackageName"),
        ("DeleteModelPackage", "ModelPackageName"),
        ("UpdateModelPackage", "ModelPackageArn"),
    ],
)
@pytest.mark.parametrize("missing", ["Shelf/7", "ghost/1", "ghost"])
def test_a_package_that_is_missed(sagemaker: SageMaker, operation: str, member: str, missing: str) -> None:
    missing_arn = arn(f"model-package/{missing}")
    message = f"ModelPackage {missing_arn} does not exist."
    refused("ValidationException", message, lambda: sagemaker(operation, **{member: missing_arn}))


def test_describing_many_at_once_maps_what_was_found_and_what_was_not(sagemaker: SageMaker) -> None:
    made, ghost = register(sagemaker, InferenceSpecification=SPECIFICATION), arn("model-package/Shelf/9")
    answer = sagemaker("BatchDescribeModelPackage", ModelPackageArnList=[made, ghost])
    assert answer["ModelPackageSummaries"][made]["InferenceSpecification"] == SPECIFICATION
    assert answer["BatchDescribeModelPackageErrorMap"] == {
        ghost: {"ErrorCode": "ValidationException", "ErrorResponse": f"ModelPackage {ghost} does not exist."}
    }


def listed(sagemaker: SageMaker, **params: object) -> list[str]:
    answer = sagemaker("ListModelPackages", **params)
    return [package["ModelPackageArn"].partition("/")[2] for package in answer["ModelPackageSummaryList"]]


@pytest.fixture
def shelves(sagemaker: SageMaker) -> SageMaker:
    """Two groups and a product; of Shelf's versions the second is approved."""
    sagemaker("CreateModelPackageGroup", ModelPackageGroupName="Other")
    sagemaker("CreateModelPackage", ModelPackageName="product")
    register(sagemaker)
    register(sagemaker, ModelApprovalStatus="Approved")
    register(sagemaker, "Other", ModelApprovalStatus="Approved")
    return sagemaker


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, ["product"]),
        ({"ModelPackageType": "Unversioned"}, ["product"]),
        ({"ModelPackageType": "Versioned"}, ["Other/1", "Shelf/2", "Shelf/1"]),
        ({"ModelPackageType": "Both"}, ["Other/1", "Shelf/2", "Shelf/1", "product"]),
        ({"ModelPackageGroupName": "Shelf"}, ["Shelf/2", "Shelf/1"]),
        ({"ModelPackageGroupName": GROUP}, ["Shelf/2", "Shelf/1"]),
        ({"ModelPackageGroupName": "Shelf", "SortOrder": "Ascending"}, ["Shelf/1", "Shelf/2"]),
        ({"ModelPackageGroupName": "Shelf", "ModelApprovalStatus": "Approved"}, ["Shelf/2"]),
        ({"ModelPackageGroupName": "Shelf", "ModelPackageType": "Unversioned"}, []),
        ({"ModelPackageType": "Versioned", "ModelApprovalStatus": "Approved"}, ["Other/1", "Shelf/2"]),
        ({"ModelPackageType": "Both", "NameContains": "shelf"}, ["Shelf/2", "Shelf/1"]),
    ],
)
def test_lists_of_packages(shelves: SageMaker, params: Document, expected: list[str]) -> None:
    assert listed(shelves, **params) == expected


def test_a_summary_has_what_aws_shows_and_nothing_else(shelves: SageMaker) -> None:
    answer = shelves("ListModelPackages", ModelPackageGroupName="Shelf", ModelApprovalStatus="Approved")
    (summary,) = answer["ModelPackageSummaryList"]
    assert summary == {
        "ModelPackageGroupName": "Shelf",
        "ModelPackageVersion": 2,
        "ModelPackageArn": arn("model-package/Shelf/2"),
        "CreationTime": summary["CreationTime"],
        "ModelPackageStatus": "Completed",
        "ModelApprovalStatus": "Approved",
    }


def test_pages_of_versions_lose_and_double_nothing_while_versions_come(sagemaker: SageMaker) -> None:
    for _ in range(7):
        register(sagemaker)
    params: Document = {"ModelPackageGroupName": "Shelf", "MaxResults": 3}
    found: list[int] = []
    while True:
        answer = sagemaker("ListModelPackages", **params)
        found += [package["ModelPackageVersion"] for package in answer["ModelPackageSummaryList"]]
        register(sagemaker)
        if "NextToken" not in answer:
            break
        params["NextToken"] = answer["NextToken"]
    assert found == [7, 6, 5, 4, 3, 2, 1]


def test_lists_of_groups(shelves: SageMaker) -> None:
    def names(**params: object) -> list[str]:
        answer = shelves("ListModelPackageGroups", **params)
        return [group["ModelPackageGroupName"] for group in answer["ModelPackageGroupSummaryList"]]

    assert names() == ["Other", "Shelf"]
    assert names(NameContains="SHELF") == ["Shelf"]
    assert names(SortBy="Name", SortOrder="Descending") == ["Shelf", "Other"]
    assert names(MaxResults=1) == ["Other"]
    (group,) = shelves("ListModelPackageGroups", NameContains="shelf")["ModelPackageGroupSummaryList"]
    assert group["ModelPackageGroupStatus"] == "Completed"
    assert group["ModelPackageGroupDescription"] == "Churn models"


def test_a_group_with_versions_is_not_deleted(sagemaker: SageMaker) -> None:
    made = register(sagemaker)

    def delete() -> object:
        return sagemaker("DeleteModelPackageGroup", ModelPackageGroupName="Shelf")

    refused("ConflictException", "still contains 1 model packages", delete)
    sagemaker("DeleteModelPackage", ModelPackageName=made)
    assert delete() == {}
    assert sagemaker("ListModelPackageGroups") == {"ModelPackageGroupSummaryList": []}


def test_the_policy_of_a_group(sagemaker: SageMaker) -> None:
    policy = '{"Version": "2012-10-17", "Statement": []}'
    missing = f"Cannot find resource policy for: {GROUP}"

    def get() -> Document:
        return sagemaker("GetModelPackageGroupPolicy", ModelPackageGroupName="Shelf")

    refused("ValidationException", missing, get)
    for bad in ("not json", "[]", "{" * 5000):
        refused(
            "ValidationException",
            "must be a JSON object",
            lambda: sagemaker("PutModelPackageGroupPolicy", ModelPackageGroupName="Shelf", ResourcePolicy=bad),  # noqa: B023
        )
    answer = sagemaker("PutModelPackageGroupPolicy", ModelPackageGroupName="Shelf", ResourcePolicy=policy)
    assert answer == {"ModelPackageGroupArn": GROUP}
    assert get() == {"ResourcePolicy": policy}
    register(sagemaker)
    assert get() == {"ResourcePolicy": policy}
    sagemaker("DeleteModelPackageGroupPolicy", ModelPackageGroupName="Shelf")
    refused("ValidationException", missing, get)
    refused(
        "ValidationException",
        missing,
        lambda: sagemaker("DeleteModelPackageGroupPolicy", ModelPackageGroupName="Shelf"),
    )
