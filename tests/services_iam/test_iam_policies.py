"""Inline and managed policies, simulation, and the users that are not there."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import unquote

import pytest

from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.iam.ready_role import ensure_ready_role
from stepwell.services.registry import Site

Iam = Callable[..., Document]

POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})
OTHER = POLICY.replace("s3", "logs")
ROLE = "SageMakerRole"
ROLE_ARN = "arn:aws:iam::123456789012:role/SageMakerRole"
FULL_ACCESS = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"


@pytest.fixture(autouse=True)
def role(site: Site) -> None:
    ensure_ready_role(site)


def refused(code: str, status: int, text: str, act: Callable[[], object]) -> None:
    with pytest.raises(Fault) as caught:
        act()
    assert (caught.value.code, caught.value.status) == (code, status)
    assert text in caught.value.message


def create(iam: Iam, name: str = "reader", path: str = "/") -> str:
    return str(iam("CreatePolicy", PolicyName=name, Path=path, PolicyDocument=POLICY)["Policy"]["Arn"])


def test_inline_policies_come_and_go(iam: Iam) -> None:
    for name, text in (("b", POLICY), ("a", POLICY), ("a", OTHER)):
        iam("PutRolePolicy", RoleName=ROLE, PolicyName=name, PolicyDocument=text)
    assert iam("ListRolePolicies", RoleName=ROLE)["PolicyNames"] == ["a", "b"]
    assert unquote(iam("GetRolePolicy", RoleName=ROLE, PolicyName="a")["PolicyDocument"]) == OTHER
    iam("DeleteRolePolicy", RoleName=ROLE, PolicyName="a")
    assert iam("ListRolePolicies", RoleName=ROLE)["PolicyNames"] == ["b"]
    for operation in ("GetRolePolicy", "DeleteRolePolicy"):
        message = "The role policy with name a cannot be found."
        refused("NoSuchEntity", 404, message, lambda: iam(operation, RoleName=ROLE, PolicyName="a"))  # noqa: B023


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("not json", "Syntax errors in policy."),
        (POLICY.replace('"Resource"', '"Resorce"'), "must contain resources"),
        (POLICY.replace('"Effect"', '"Principal": "*", "Effect"'), "should not specify a principal"),
    ],
)
def test_bad_policies_are_malformed_wherever_they_are_given(iam: Iam, text: str, problem: str) -> None:
    arn = create(iam)
    for operation, params in (
        ("PutRolePolicy", {"RoleName": ROLE, "PolicyName": "p"}),
        ("CreatePolicy", {"PolicyName": "p"}),
        ("CreatePolicyVersion", {"PolicyArn": arn}),
    ):
        refused(
            "MalformedPolicyDocument",
            400,
            problem,
            lambda: iam(operation, **params, PolicyDocument=text),  # noqa: B023
        )


def test_attaching_is_repeatable_and_counted(iam: Iam) -> None:
    arn = create(iam, path="/team/")
    assert arn == "arn:aws:iam::123456789012:policy/team/reader"
    for _ in range(2):
        iam("AttachRolePolicy", RoleName=ROLE, PolicyArn=arn)
    attached = iam("ListAttachedRolePolicies", RoleName=ROLE)["AttachedPolicies"]
    assert {policy["PolicyName"] for policy in attached} == {"reader", "AmazonSageMakerFullAccess"}
    assert len(iam("ListAttachedRolePolicies", RoleName=ROLE, PathPrefix="/team/")["AttachedPolicies"]) == 1
    assert iam("GetPolicy", PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    carriers = iam("ListEntitiesForPolicy", PolicyArn=arn)
    assert [role["RoleName"] for role in carriers["PolicyRoles"]] == [ROLE]
    assert carriers["PolicyUsers"] == carriers["PolicyGroups"] == []
    assert iam("ListEntitiesForPolicy", PolicyArn=arn, EntityFilter="User")["PolicyRoles"] == []
    refused("DeleteConflict", 409, "attached", lambda: iam("DeletePolicy", PolicyArn=arn))
    iam("DetachRolePolicy", RoleName=ROLE, PolicyArn=arn)
    iam("DeletePolicy", PolicyArn=arn)
    refused("NoSuchEntity", 404, arn, lambda: iam("GetPolicy", PolicyArn=arn))
    refused("NoSuchEntity", 404, arn, lambda: iam("DetachRolePolicy", RoleName=ROLE, PolicyArn=arn))


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::123456789012:policy/ghost",
        "arn:aws:iam::123456789012:policy/wrong/path/reader",
        "arn:aws:iam::999999999999:policy/reader",
        "arn:aws:iam::aws:role/whatever",
        "something of 20 letters",
    ],
)
def test_policies_that_do_not_stand_are_not_attachable(iam: Iam, arn: str) -> None:
    create(iam)
    message = f"Policy {arn} does not exist or is not attachable."
    refused("NoSuchEntity", 404, message, lambda: iam("AttachRolePolicy", RoleName=ROLE, PolicyArn=arn))


def test_any_policy_of_awss_own_is_attachable_and_none_changeable(iam: Iam) -> None:
    arn = "arn:aws:iam::aws:policy/service-role/SomethingNew"
    iam("AttachRolePolicy", RoleName=ROLE, PolicyArn=arn)
    policy = iam("GetPolicy", PolicyArn=arn)["Policy"]
    assert (policy["PolicyName"], policy["Path"]) == ("SomethingNew", "/service-role/")
    listed = iam("ListPolicies", Scope="AWS", OnlyAttached=True)["Policies"]
    assert [found["Arn"] for found in listed] == [FULL_ACCESS, arn]
    assert iam("ListPolicyVersions", PolicyArn=arn)["Versions"][0]["VersionId"] == "v1"
    refused("AccessDenied", 403, "belongs to AWS", lambda: iam("DeletePolicy", PolicyArn=arn))
    refused(
        "NotImplementedException", 501, "documents", lambda: iam("GetPolicyVersion", PolicyArn=arn, VersionId="v1")
    )


def test_lists_of_policies_by_scope(iam: Iam) -> None:
    arn = create(iam)
    create(iam, "other", "/x/")
    assert arn in [policy["Arn"] for policy in iam("ListPolicies", Scope="Local")["Policies"]]
    assert len(iam("ListPolicies", Scope="Local", PathPrefix="/x/")["Policies"]) == 1
    assert iam("ListPolicies", Scope="Local", OnlyAttached=True)["Policies"] == []
    every = [policy["Arn"] for policy in iam("ListPolicies")["Policies"]]
    assert {arn, FULL_ACCESS} <= set(every)
    refused("EntityAlreadyExists", 409, "Duplicate names", lambda: create(iam, "READER"))


def test_versions_of_a_policy(iam: Iam) -> None:
    arn = create(iam)
    iam("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=OTHER)
    iam("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=OTHER, SetAsDefault=True)
    assert iam("GetPolicy", PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v3"
    found = iam("GetPolicyVersion", PolicyArn=arn, VersionId="v2")["PolicyVersion"]
    assert (unquote(found["Document"]), found["IsDefaultVersion"]) == (OTHER, False)
    refused("DeleteConflict", 409, "default", lambda: iam("DeletePolicyVersion", PolicyArn=arn, VersionId="v3"))
    refused("DeleteConflict", 409, "more than one version", lambda: iam("DeletePolicy", PolicyArn=arn))
    iam("SetDefaultPolicyVersion", PolicyArn=arn, VersionId="v1")
    for version in ("v2", "v3"):
        iam("DeletePolicyVersion", PolicyArn=arn, VersionId=version)
    refused("NoSuchEntity", 404, "v2", lambda: iam("GetPolicyVersion", PolicyArn=arn, VersionId="v2"))
    made = [iam("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=OTHER) for _ in range(4)]
    assert [answer["PolicyVersion"]["VersionId"] for answer in made] == ["v4", "v5", "v6", "v7"]
    refused(
        "LimitExceeded",
        409,
        "up to 5 versions",
        lambda: iam("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=OTHER),
    )
    assert len(iam("ListPolicyVersions", PolicyArn=arn)["Versions"]) == 5


def test_tags_of_policies(iam: Iam) -> None:
    arn = create(iam)
    iam("TagPolicy", PolicyArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    iam("UntagPolicy", PolicyArn=arn, TagKeys=["a"])
    assert iam("ListPolicyTags", PolicyArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    assert iam("GetPolicy", PolicyArn=arn)["Policy"]["Tags"] == [{"Key": "b", "Value": "2"}]


def test_everything_is_allowed_to_a_role_that_stands(iam: Iam) -> None:
    actions, buckets = ["s3:GetObject", "sagemaker:CreateModel"], ["arn:aws:s3:::a", "arn:aws:s3:::b"]
    answer = iam("SimulatePrincipalPolicy", PolicySourceArn=ROLE_ARN, ActionNames=actions, ResourceArns=buckets)
    results = [(result["EvalActionName"], result["EvalResourceName"]) for result in answer["EvaluationResults"]]
    assert results == [(action, bucket) for action in actions for bucket in buckets]
    assert {result["EvalDecision"] for result in answer["EvaluationResults"]} == {"allowed"}
    without = iam("SimulatePrincipalPolicy", PolicySourceArn=ROLE_ARN, ActionNames=actions)
    assert {result["EvalResourceName"] for result in without["EvaluationResults"]} == {"*"}


@pytest.mark.parametrize(
    ("source", "code", "status"),
    [
        ("arn:aws:iam::123456789012:role/ghost", "NoSuchEntity", 404),
        ("arn:aws:iam::123456789012:role/path/SageMakerRole", "NoSuchEntity", 404),
        ("arn:aws:iam::123456789012:user/somebody", "NoSuchEntity", 404),
        ("arn:aws:sts::123456789012:assumed-role/SageMakerRole/x", "InvalidInput", 400),
        ("twenty letters or more", "InvalidInput", 400),
    ],
)
def test_nobody_else_can_be_simulated(iam: Iam, source: str, code: str, status: int) -> None:
    def act() -> object:
        return iam("SimulatePrincipalPolicy", PolicySourceArn=source, ActionNames=["s3:GetObject"])

    refused(code, status, "", act)


def test_there_are_no_users(iam: Iam) -> None:
    refused("ValidationError", 400, "non-User credentials", lambda: iam("GetUser"))
    refused("NoSuchEntity", 404, "The user with name me cannot be found.", lambda: iam("GetUser", UserName="me"))
    assert iam("ListUsers")["Users"] == []
    assert iam("ListAccountAliases")["AccountAliases"] == []
