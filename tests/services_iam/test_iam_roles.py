"""Roles, what they carry, and what IAM says when something is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest

from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.iam.ready_role import ensure_ready_role
from stepwell.services.registry import Site

Iam = Callable[..., Document]

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)
POLICY = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}})
FULL_ACCESS = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"


def create(iam: Iam, name: str = "trainer", **more: Any) -> Document:
    role: Document = iam("CreateRole", RoleName=name, AssumeRolePolicyDocument=TRUST, **more)["Role"]
    return role


def refused(code: str, status: int, text: str, act: Callable[[], object]) -> None:
    with pytest.raises(Fault) as caught:
        act()
    assert (caught.value.code, caught.value.status) == (code, status)
    assert text in caught.value.message


def test_a_role_is_described_as_it_was_created(iam: Iam) -> None:
    created = create(
        iam, Path="/service/", Description="trains", MaxSessionDuration=7200, Tags=[{"Key": "team", "Value": "a"}]
    )
    found = iam("GetRole", RoleName="trainer")["Role"]
    assert found == {**created, "RoleLastUsed": {}}
    assert found["Arn"] == "arn:aws:iam::123456789012:role/service/trainer"
    assert found["RoleId"].startswith("AROA") and len(found["RoleId"]) == 21
    assert found["MaxSessionDuration"] == 7200
    assert found["Tags"] == [{"Key": "team", "Value": "a"}]
    assert "{" not in found["AssumeRolePolicyDocument"]
    assert unquote(found["AssumeRolePolicyDocument"]) == TRUST


def test_roles_are_the_same_in_every_region(iam: Iam, site: Site) -> None:
    arn = ensure_ready_role(site)
    assert iam("GetRole", RoleName="SageMakerRole")["Role"]["Arn"] == arn


def test_the_ready_role_stands_once_and_is_trusted(iam: Iam, site: Site) -> None:
    assert ensure_ready_role(site) == ensure_ready_role(site) == "arn:aws:iam::123456789012:role/SageMakerRole"
    role = iam("GetRole", RoleName="SageMakerRole")["Role"]
    trust = json.loads(unquote(role["AssumeRolePolicyDocument"]))
    (statement,) = trust["Statement"]
    assert {"sagemaker.amazonaws.com", "scheduler.amazonaws.com"} <= set(statement["Principal"]["Service"])
    attached = iam("ListAttachedRolePolicies", RoleName="SageMakerRole")["AttachedPolicies"]
    assert attached == [{"PolicyName": "AmazonSageMakerFullAccess", "PolicyArn": FULL_ACCESS}]


def test_the_ready_role_keeps_what_its_owner_changed(iam: Iam, site: Site) -> None:
    ensure_ready_role(site)
    iam("UpdateRole", RoleName="SageMakerRole", Description="mine")
    ensure_ready_role(site)
    assert iam("GetRole", RoleName="SageMakerRole")["Role"]["Description"] == "mine"


@pytest.mark.parametrize("name", ["trainer", "Trainer"])
def test_names_are_unique_without_regard_to_case(iam: Iam, name: str) -> None:
    create(iam)
    refused("EntityAlreadyExists", 409, f"Role with name {name} already exists.", lambda: create(iam, name))


@pytest.mark.parametrize(
    ("operation", "more"),
    [
        ("GetRole", {}),
        ("DeleteRole", {}),
        ("UpdateRole", {}),
        ("UpdateAssumeRolePolicy", {"PolicyDocument": TRUST}),
        ("PutRolePolicy", {"PolicyName": "p", "PolicyDocument": POLICY}),
        ("ListRolePolicies", {}),
        ("GetRolePolicy", {"PolicyName": "p"}),
        ("DeleteRolePolicy", {"PolicyName": "p"}),
        ("AttachRolePolicy", {"PolicyArn": FULL_ACCESS}),
        ("DetachRolePolicy", {"PolicyArn": FULL_ACCESS}),
        ("ListAttachedRolePolicies", {}),
        ("TagRole", {"Tags": []}),
        ("UntagRole", {"TagKeys": []}),
        ("ListRoleTags", {}),
        ("ListInstanceProfilesForRole", {}),
        ("PutRolePermissionsBoundary", {"PermissionsBoundary": FULL_ACCESS}),
        ("DeleteRolePermissionsBoundary", {}),
    ],
)
def test_every_operation_misses_a_role_in_iams_words(iam: Iam, operation: str, more: Document) -> None:
    message = "The role with name ghost cannot be found."
    refused("NoSuchEntity", 404, message, lambda: iam(operation, RoleName="ghost", **more))


def test_a_role_changes(iam: Iam) -> None:
    create(iam)
    iam("UpdateRole", RoleName="trainer", MaxSessionDuration=3601)
    described = iam("UpdateRoleDescription", RoleName="trainer", Description="new")["Role"]
    assert (described["Description"], described["MaxSessionDuration"]) == ("new", 3601)
    other = TRUST.replace("sagemaker", "lambda")
    iam("UpdateAssumeRolePolicy", RoleName="trainer", PolicyDocument=other)
    iam("PutRolePermissionsBoundary", RoleName="trainer", PermissionsBoundary=FULL_ACCESS)
    role = iam("GetRole", RoleName="trainer")["Role"]
    assert unquote(role["AssumeRolePolicyDocument"]) == other
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == FULL_ACCESS
    iam("DeleteRolePermissionsBoundary", RoleName="trainer")
    assert "PermissionsBoundary" not in iam("GetRole", RoleName="trainer")["Role"]


def test_a_role_that_carries_policies_is_not_deleted(iam: Iam) -> None:
    create(iam)
    iam("AttachRolePolicy", RoleName="trainer", PolicyArn=FULL_ACCESS)
    iam("PutRolePolicy", RoleName="trainer", PolicyName="inline", PolicyDocument=POLICY)
    refused("DeleteConflict", 409, "must detach all policies first", lambda: iam("DeleteRole", RoleName="trainer"))
    iam("DetachRolePolicy", RoleName="trainer", PolicyArn=FULL_ACCESS)
    refused("DeleteConflict", 409, "must delete policies first", lambda: iam("DeleteRole", RoleName="trainer"))
    iam("DeleteRolePolicy", RoleName="trainer", PolicyName="inline")
    iam("DeleteRole", RoleName="trainer")
    refused("NoSuchEntity", 404, "trainer", lambda: iam("GetRole", RoleName="trainer"))


def test_a_new_role_of_an_old_name_has_neither_its_id_nor_its_tags(iam: Iam) -> None:
    first = create(iam, Tags=[{"Key": "a", "Value": "b"}])
    iam("DeleteRole", RoleName="trainer")
    second = create(iam)
    assert second["RoleId"] != first["RoleId"]
    assert iam("ListRoleTags", RoleName="trainer")["Tags"] == []


def test_lists_page_by_name(iam: Iam) -> None:
    names = [f"role-{number:02}" for number in range(7)]
    for name in reversed(names):
        create(iam, name, Path="/odd/" if int(name[-1]) % 2 else "/")
    found: list[str] = []
    answer = iam("ListRoles", MaxItems=3)
    while answer["IsTruncated"]:
        found += [role["RoleName"] for role in answer["Roles"]]
        answer = iam("ListRoles", MaxItems=3, Marker=answer["Marker"])
    found += [role["RoleName"] for role in answer["Roles"]]
    assert found == names
    assert "Marker" not in answer
    odd = iam("ListRoles", PathPrefix="/odd")["Roles"]
    assert [role["RoleName"] for role in odd] == names[1::2]


def test_a_marker_of_somebody_elses_is_refused(iam: Iam) -> None:
    refused("ValidationError", 400, "Invalid Marker", lambda: iam("ListRoles", Marker="ä"))


def test_tags_of_roles(iam: Iam) -> None:
    create(iam)
    iam("TagRole", RoleName="trainer", Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    iam("TagRole", RoleName="trainer", Tags=[{"Key": "a", "Value": "3"}])
    iam("UntagRole", RoleName="trainer", TagKeys=["b", "unknown"])
    assert iam("ListRoleTags", RoleName="trainer") == {
        "Tags": [{"Key": "a", "Value": "3"}],
        "IsTruncated": False,
    }


@pytest.mark.parametrize(
    ("tags", "text"),
    [
        ([{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "1"}], "case insensitive"),
        ([{"Key": "aws:x", "Value": "1"}], "reserved"),
    ],
)
def test_tags_that_iam_refuses_leave_no_role(iam: Iam, tags: list[Document], text: str) -> None:
    refused("InvalidInput", 400, text, lambda: create(iam, Tags=tags))
    assert iam("ListRoles")["Roles"] == []


def test_a_role_has_at_most_50_tags(iam: Iam) -> None:
    create(iam, Tags=[{"Key": f"k{number}", "Value": ""} for number in range(50)])
    one_more = [{"Key": "one-more", "Value": ""}]
    refused("LimitExceeded", 409, "50", lambda: iam("TagRole", RoleName="trainer", Tags=one_more))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "Syntax errors in policy."),
        ("[" * 10_000, "Syntax errors in policy."),
        ("[]", "Syntax errors in policy."),
        ("{}", "Syntax errors in policy."),
        ('{"Version": "2020-01-01", "Statement": []}', "Syntax errors in policy."),
        ('{"Statement": []}', "Syntax errors in policy."),
        ('{"Statement": [7]}', "Syntax errors in policy."),
        ('{"Statement": {"Effect": "Maybe", "Principal": "*", "Action": "sts:AssumeRole"}}', "Syntax errors"),
        ('{"Statement": {"Effect": "Allow", "Principal": "*"}}', "Syntax errors in policy."),
        ('{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole"}}', "Missing required field Principal"),
        ('{"Statement": {"Effect": "Allow", "Principal": "*", "Action": ["s3:Get"]}}', "STS AssumeRole actions"),
        (
            '{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole", "Resource": "*"}}',
            "Has prohibited field Resource",
        ),
    ],
)
def test_bad_trust_policies_are_malformed(iam: Iam, text: str, problem: str) -> None:
    def act() -> object:
        return iam("CreateRole", RoleName="trainer", AssumeRolePolicyDocument=text)

    refused("MalformedPolicyDocument", 400, problem, act)
    assert iam("ListRoles")["Roles"] == []
