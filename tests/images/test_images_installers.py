"""Requirements that a recipe leaves open are resolved when it is built: by pip as this machine has it, then by uv."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from images_support import pip_wheel, wheel

from stepwell.images.environments import BuildFailed, Environment, Environments
from stepwell.images.recipes import Recipe


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that nobody is told of yet; no index is asked."""
    folder = tmp_path / "wheels"
    wheel(folder, "extra", "1.5", requires="tiny")
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL", "PIP_FIND_LINKS", "UV_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(seeds(tmp_path)))
    return folder


def seeds(tmp_path: Path) -> Path:
    """A folder of what an environment with pip begins with."""
    folder = tmp_path / "seeds"
    if not folder.exists():
        for name in ("setuptools", "wheel"):
            wheel(folder, name, "1.0")
        shutil.copy(pip_wheel(), folder)
    return folder


def built(tmp_path: Path, recipe: Recipe) -> tuple[Environment, list[str]]:
    lines: list[str] = []
    environments = Environments(tmp_path / "environments", {recipe.name: recipe}, compiles=False)
    return environments.prepare(recipe.name, lines.append), lines


def has_extra(environment: Environment) -> bool:
    code = "import extra, tiny; print(extra.version, tiny.version)"
    return subprocess.run([environment.python, "-c", code], capture_output=True, text=True).stdout == "1.5 1.0\n"


def test_pip_brings_them_as_this_machine_is_configured(
    tmp_path: Path, tiny_recipe: Recipe, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    recipe = replace(tiny_recipe, requirements=("extra==1.5",), installer="pip")
    environment, lines = built(tmp_path, recipe)
    assert has_extra(environment)
    assert "Resolving extra==1.5." in lines
    assert not any("asking the framework's own index" in line for line in lines)


def test_uv_is_asked_where_pip_has_none(
    tmp_path: Path, tiny_recipe: Recipe, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_FIND_LINKS", f"{seeds(tmp_path)},{wheels}")
    recipe = replace(tiny_recipe, requirements=("extra==1.5",), installer="pip")
    environment, lines = built(tmp_path, recipe)
    assert has_extra(environment)
    assert "pip has no such packages here; asking the framework's own index." in lines


def test_uv_alone_is_asked_otherwise(
    tmp_path: Path, tiny_recipe: Recipe, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_FIND_LINKS", f"{seeds(tmp_path)},{wheels}")
    environment, _ = built(tmp_path, replace(tiny_recipe, requirements=("extra==1.5",)))
    assert has_extra(environment)


def test_what_nobody_has_fails_with_what_both_said(tmp_path: Path, tiny_recipe: Recipe, wheels: Path) -> None:
    recipe = replace(tiny_recipe, requirements=("torch==2.13.0+cpu",), installer="pip")
    with pytest.raises(BuildFailed) as failed:
        built(tmp_path, recipe)
    message = str(failed.value)
    assert message.startswith("ClientError: the environment could not be built: pip install said: ")
    assert "No matching distribution found for torch==2.13.0+cpu" in message
    assert "uv pip said:" in message
    assert len(message) <= 1024
    assert not [each for each in (tmp_path / "environments").iterdir() if not each.name.startswith(".")]


def test_requirements_are_part_of_an_environments_key(tiny_recipe: Recipe) -> None:
    keys = {replace(tiny_recipe, requirements=each).key() for each in ((), ("extra==1.5",), ("extra==1.6",))}
    assert len(keys) == 3
