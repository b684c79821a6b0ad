"""An image URI is taken apart as Docker does it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.images import uris
from stepwell.images.uris import Reference

ECR = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (f"{ECR}/sagemaker-scikit-learn:1.2-1-cpu-py3", Reference(ECR, "sagemaker-scikit-learn", "1.2-1-cpu-py3")),
        (f"{ECR}.cn/xgboost:1", Reference(f"{ECR}.cn", "xgboost", "1")),
        (f"{ECR}/a/b/c", Reference(ECR, "a/b/c", "latest")),
        ("python:3.11-slim", Reference("", "python", "3.11-slim")),
        ("python", Reference("", "python", "latest")),
        ("localhost:5000/team/churn:v1", Reference("localhost:5000", "team/churn", "v1")),
        ("localhost/churn", Reference("localhost", "churn", "latest")),
        ("library/python:3", Reference("", "library/python", "3")),
        (f"python@{DIGEST}", Reference("", "python", "", DIGEST)),
        (f"python:3.11@{DIGEST}", Reference("", "python", "3.11", DIGEST)),
    ],
)
def test_a_uri_has_registry_repository_tag_and_digest(uri: str, expected: Reference) -> None:
    assert uris.parse(uri) == expected


@pytest.mark.parametrize(
    "uri", ["", "/", "a:", ":1", "UPPER", "a b", "python:3 ", "a@sha256:xyz", "../../etc/passwd", "a//b"]
)
def test_what_is_no_uri_is_refused(uri: str) -> None:
    assert uris.parse(uri) is None


@given(
    st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8}){0,2}", fullmatch=True),
    st.from_regex(r"[0-9]\.[0-9]-[0-9]", fullmatch=True),
)
def test_repository_and_tag_come_back_with_any_registry(repository: str, tag: str) -> None:
    found = uris.parse(f"{ECR}/{repository}:{tag}")
    assert found == Reference(ECR, repository, tag)
