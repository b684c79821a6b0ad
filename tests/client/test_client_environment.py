"""The environment of clients: what is set, what of the user's own is kept, and the plugin's redirection."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from stepwell.client import environment
from stepwell.client.environment import Access

ACCESS = Access("http://127.0.0.1:4566", "us-east-1", "AKIA", "secret")


def test_the_users_own_paths_and_plugins_stay(tmp_path: Path) -> None:
    inherited = {"PYTHONPATH": "/mine", "BOTOCORE_EXPERIMENTAL__PLUGINS": "other=other_module"}
    values = environment.variables(ACCESS, tmp_path, inherited)
    assert values["PYTHONPATH"] == f"{tmp_path}:/mine"
    assert values["BOTOCORE_EXPERIMENTAL__PLUGINS"] == "stepwell=stepwell_client,other=other_module"
    assert environment.variables(ACCESS, tmp_path, {**inherited, **values}) == values


@pytest.mark.parametrize(
    ("inherited", "expected"),
    [({}, None), ({"AWS_SESSION_TOKEN": "theirs"}, "")],
)
def test_a_session_token_of_another_key_is_emptied(
    tmp_path: Path, inherited: dict[str, str], expected: str | None
) -> None:
    assert environment.variables(ACCESS, tmp_path, inherited).get("AWS_SESSION_TOKEN") == expected


@pytest.fixture
def plugin(tmp_path: Path) -> ModuleType:
    environment.install(tmp_path)
    spec = importlib.util.spec_from_file_location("installed_plugin", tmp_path / "stepwell_client.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://sts.us-east-1.amazonaws.com/", "http://127.0.0.1:4566/"),
        ("https://x.s3.cn-north-1.amazonaws.com.cn/a?b=c", "http://127.0.0.1:4566/a?b=c"),
        ("http://127.0.0.1:9/", "http://127.0.0.1:9/"),
        ("https://amazonaws.com.example.org/", "https://amazonaws.com.example.org/"),
    ],
)
def test_only_requests_to_aws_are_redirected(
    plugin: ModuleType, monkeypatch: pytest.MonkeyPatch, url: str, expected: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    params = {"url": url}
    plugin.redirect(params)
    assert params["url"] == expected
