"""Identity of the caller, and keys that expire."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.iam.ready_role import ensure_ready_role
from stepwell.services.registry import Door, Site
from stepwell.services.sts import sessions
from stepwell.store import credentials

Sts = Callable[..., Document]
ROLE_ARN = "arn:aws:iam::123456789012:role/SageMakerRole"


def test_the_caller_is_a_session_of_its_role(sts: Sts, site: Site, door: Door, scope: Scope) -> None:
    ensure_ready_role(site)
    role_id = door.call(scope, "iam", "GetRole", {"RoleName": "SageMakerRole"})["Role"]["RoleId"]
    assert sts("GetCallerIdentity") == {
        "UserId": f"{role_id}:tester",
        "Account": "123456789012",
        "Arn": "arn:aws:sts::123456789012:assumed-role/SageMakerRole/tester",
    }


@pytest.mark.parametrize(
    ("principal", "arn", "begin"),
    [
        ("", "arn:aws:iam::123456789012:root", "123456789012"),
        ("arn:aws:iam::123456789012:root", "arn:aws:iam::123456789012:root", "123456789012"),
        ("arn:aws:iam::123456789012:user/u", "arn:aws:iam::123456789012:user/u", "AIDA"),
        (
            "arn:aws:sts::123456789012:assumed-role/gone/x",
            "arn:aws:sts::123456789012:assumed-role/gone/x",
            "AROA",
        ),
    ],
)
def test_other_callers(door: Door, principal: str, arn: str, begin: str) -> None:
    answers = [door.call(Scope("123456789012", "eu-west-1", principal), "sts", "GetCallerIdentity", {}) for _ in "12"]
    assert answers[0] == answers[1]
    assert answers[0]["Arn"] == arn
    assert answers[0]["UserId"].startswith(begin)


def test_an_assumed_role_gets_keys_that_the_gateway_finds(sts: Sts, site: Site) -> None:
    ensure_ready_role(site)
    answer = sts("AssumeRole", RoleArn=ROLE_ARN, RoleSessionName="me@home", DurationSeconds=900, SourceIdentity="me")
    keys = answer["Credentials"]
    assert keys["AccessKeyId"].startswith("ASIA") and len(keys["AccessKeyId"]) == 20
    assert len(keys["SecretAccessKey"]) == 40
    with site.database.read() as connection:
        found = credentials.find(connection, keys["AccessKeyId"])
    assert found is not None
    assert (found.secret, found.session_token) == (keys["SecretAccessKey"], keys["SessionToken"])
    assert found.principal == answer["AssumedRoleUser"]["Arn"]
    assert found.principal == "arn:aws:sts::123456789012:assumed-role/SageMakerRole/me@home"
    assert found.expires == keys["Expiration"]
    assert answer["AssumedRoleUser"]["AssumedRoleId"].endswith(":me@home")
    assert answer["SourceIdentity"] == "me"


def test_no_two_sessions_share_anything_secret(sts: Sts, site: Site) -> None:
    ensure_ready_role(site)
    made = [sts("AssumeRole", RoleArn=ROLE_ARN, RoleSessionName="me")["Credentials"] for _ in range(3)]
    for member in ("AccessKeyId", "SecretAccessKey", "SessionToken"):
        assert len({keys[member] for keys in made}) == 3


@pytest.mark.parametrize(
    ("role_arn", "code", "text"),
    [
        ("arn:aws:iam::123456789012:role/ghost", "AccessDenied", "is not authorized to perform: sts:AssumeRole on"),
        ("arn:aws:iam::123456789012:role/path/SageMakerRole", "AccessDenied", "is not authorized"),
        ("arn:aws:iam::999999999999:role/SageMakerRole", "AccessDenied", "is not authorized"),
        ("arn:aws:iam::123456789012:role/bad name!", "AccessDenied", "is not authorized"),
        ("arn:aws:s3:::some-bucket-of-mine", "ValidationError", "is invalid"),
        ("not an arn, but long enough", "ValidationError", "is invalid"),
    ],
)
def test_roles_that_cannot_be_assumed(sts: Sts, site: Site, role_arn: str, code: str, text: str) -> None:
    ensure_ready_role(site)
    with pytest.raises(Fault) as caught:
        sts("AssumeRole", RoleArn=role_arn, RoleSessionName="me")
    assert caught.value.code == code
    assert text in caught.value.message


def test_a_session_is_no_longer_than_its_role_allows(sts: Sts, site: Site) -> None:
    ensure_ready_role(site)
    with pytest.raises(Fault, match="MaxSessionDuration"):
        sts("AssumeRole", RoleArn=ROLE_ARN, RoleSessionName="me", DurationSeconds=3601)


def test_a_session_policy_must_be_json(sts: Sts, site: Site) -> None:
    ensure_ready_role(site)
    with pytest.raises(Fault, match="MalformedPolicyDocument"):
        sts("AssumeRole", RoleArn=ROLE_ARN, RoleSessionName="me", Policy="{")
    sts("AssumeRole", RoleArn=ROLE_ARN, RoleSessionName="me", Policy=json.dumps({"Version": "2012-10-17"}))


def test_a_session_token_stands_for_the_caller(sts: Sts, site: Site, scope: Scope) -> None:
    keys = sts("GetSessionToken", DurationSeconds=900)["Credentials"]
    with site.database.read() as connection:
        found = credentials.find(connection, keys["AccessKeyId"])
    assert found is not None and found.principal == scope.principal


def test_whose_key_it_is(sts: Sts) -> None:
    key = sts("GetSessionToken")["Credentials"]["AccessKeyId"]
    assert sts("GetAccessKeyInfo", AccessKeyId=key) == {"Account": "123456789012"}
    with pytest.raises(Fault, match="was not issued here"):
        sts("GetAccessKeyInfo", AccessKeyId="AKIAIOSFODNN7EXAMPLE")


def test_keys_of_a_job_last_as_long_as_asked_and_are_forgotten_a_day_later(site: Site) -> None:
    role = "arn:aws:iam::123456789012:role/service-role/trainer"
    with site.database.write() as transaction:
        issued = sessions.issue(transaction, role, "SageMaker", 1000.0, 10 * 24 * 3600)
        short = sessions.issue(transaction, role, "SageMaker", 1000.0, 60)
    assert issued.principal == "arn:aws:sts::123456789012:assumed-role/trainer/SageMaker"
    assert issued.expires == 1000.0 + 10 * 24 * 3600
    for now, known in ((1060.0 + 24 * 3600, True), (1061.0 + 24 * 3600, False)):
        with site.database.write() as transaction:
            sessions.issue(transaction, role, "SageMaker", now, 60)
        with site.database.read() as connection:
            assert (credentials.find(connection, short.access_key_id) is not None) is known
            assert credentials.find(connection, issued.access_key_id) == issued


@pytest.mark.parametrize("arn", ["nonsense", "arn:aws:iam::123456789012:user/u"])
def test_only_roles_have_sessions(site: Site, arn: str) -> None:
    with site.database.write() as transaction, pytest.raises(ValueError, match="not the ARN of a role"):
        sessions.issue(transaction, arn, "SageMaker", 0.0, 60)
