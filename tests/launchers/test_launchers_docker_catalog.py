"""Which images Docker runs: the setting, and lines of a user's catalog file. And the container that comes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepwell.images import catalog
from stepwell.images.catalog_files import CatalogError
from stepwell.images.environments import NONE, Environments

XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"


@pytest.mark.parametrize(
    ("setting", "line", "uri", "launcher"),
    [
        ("process", "", XGBOOST, "process"),
        ("docker", "", XGBOOST, "docker"),
        ("docker", "", "any/thing", "docker"),
        ("docker", 'repository = "sagemaker-*"\nlauncher = "process"', XGBOOST, "process"),
        ("process", 'repository = "any/*"\nlauncher = "docker"', "host.example:5000/any/thing:3", "docker"),
        ("process", 'repository = ["any/*", "sagemaker-xgboost"]\nlauncher = "docker"', XGBOOST, "docker"),
    ],
)
def test_who_runs_an_image(tmp_path: Path, setting: str, line: str, uri: str, launcher: str) -> None:
    mine = tmp_path / "images.toml"
    mine.write_text(f"[[image]]\n{line}\n" if line else "")
    found = catalog.load(mine, launcher=setting).resolve(uri)  # type: ignore[arg-type]
    assert (found.uri, found.launcher) == (uri, launcher)


def test_no_uri_is_no_image_for_docker_either() -> None:
    with pytest.raises(catalog.UnknownImage, match="is not an image URI"):
        catalog.load(None, launcher="docker").resolve("UPPER CASE")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('launcher = "dokcer"', "expected one of process, docker, found 'dokcer'"),
        ("launcher = 3", "launcher: expected a text"),
        ('launcher = "docker"\n[[image.version]]\ntag = "*"\nrecipe = "python-3.11"', "brings its own"),
    ],
)
def test_a_line_that_cannot_be_used(tmp_path: Path, line: str, said: str) -> None:
    mine = tmp_path / "images.toml"
    mine.write_text(f'[[image]]\nrepository = "a"\n{line}\n')
    with pytest.raises(CatalogError, match=said):
        catalog.load(mine)


def test_nothing_is_built_for_an_image_that_brings_its_own(tmp_path: Path) -> None:
    environments = Environments(tmp_path / "environments")
    recipe = catalog.load(None, launcher="docker").resolve("any/thing").recipe
    assert environments.find(recipe) is NONE
    assert environments.prepare(recipe, lambda _line: None) is NONE
    assert not (tmp_path / "environments").exists()
