"""Where commands that read the data folder look for what a person names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from stepwell import presence, settings
from stepwell.base.arn import Scope
from stepwell.cli import connection
from stepwell.presence import Presence


@pytest.mark.parametrize(
    ("name", "served", "found"),
    [
        ("churn", None, Scope("123456789012", "us-east-1")),
        ("churn", "us-west-2", Scope("123456789012", "us-west-2")),
        ("arn:aws:sagemaker:eu-west-1:210987654321:pipeline/churn", "us-west-2", Scope("210987654321", "eu-west-1")),
    ],
)
def test_the_scope_of_a_name(tmp_path: Path, name: str, served: str | None, found: Scope) -> None:
    if served:
        presence.announce(tmp_path, Presence("http://127.0.0.1:1", served, "id", "secret", 1))  # it has ended since
    set_up = replace(settings.load({}), data=tmp_path, region="us-east-1", account="123456789012")
    assert connection.scope_of(set_up, name) == found
