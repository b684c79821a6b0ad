"""Settings: which source beats which, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepwell import settings


def test_the_command_line_beats_the_environment_which_beats_the_file(tmp_path: Path) -> None:
    (tmp_path / "stepwell.toml").write_text('port = 1\nregion = "eu-west-1"\naccount = "111111111111"\n')
    found = settings.load(
        {"data": str(tmp_path), "port": 3, "host": None}, {"STEPWELL_PORT": "2", "STEPWELL_REGION": "us-west-2"}
    )
    assert (found.port, found.region, found.account, found.host) == (3, "us-west-2", "111111111111", "127.0.0.1")


def test_the_data_folder_comes_from_option_then_environment(tmp_path: Path) -> None:
    assert settings.load({"data": str(tmp_path)}, {"STEPWELL_DATA": "/elsewhere"}).data == tmp_path
    assert settings.load({"data": None}, {"STEPWELL_DATA": str(tmp_path)}).data == tmp_path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port = 'x'", "'port'"),
        ("colour = 1", "Unknown setting 'colour'"),
        ("port = ", "not valid TOML"),
        ("strict = 3", "'strict'"),
        ("accelerators = 'tpu'", "Known: gpu, none"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "stepwell.toml").write_text(text)
    with pytest.raises(settings.SettingsError, match=said):
        settings.load({"data": str(tmp_path)}, {})


@pytest.mark.parametrize(("word", "value"), [("true", True), ("1", True), ("no", False)])
def test_switches_are_read_from_words(tmp_path: Path, word: str, value: bool) -> None:
    assert settings.load({"data": str(tmp_path)}, {"STEPWELL_STRICT": word}).strict is value
