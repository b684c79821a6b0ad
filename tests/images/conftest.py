"""Fixtures of this room's tests: environments, ours and a tiny one, and a container's file tree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from images_support import Container, cache_folder, lock_line, pip_wheel, wheel

from stepwell.images import catalog
from stepwell.images.environments import BuildFailed, Environment, Environments
from stepwell.images.recipes import Recipe

_NO_NETWORK = ("error sending request", "Failed to fetch", "dns error", "Could not connect")


@pytest.fixture(scope="session")
def environment_of() -> Callable[[str], Environment]:
    """The environment of an image such as sagemaker-xgboost:1.7-1. Skips where no package index is reached."""
    known = catalog.load(None)
    shared = Environments(cache_folder() / "environments", known.recipes)

    def prepare(image: str) -> Environment:
        lines: list[str] = []
        try:
            return shared.prepare(known.resolve(image).recipe, lines.append)
        except BuildFailed as error:
            if any(text in str(error) for text in _NO_NETWORK):
                pytest.skip(f"the package index is not reached: {error}")
            raise

    return prepare


@pytest.fixture(scope="session")
def tiny_recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """A recipe built without network: pip, and a package `tiny` 1.0."""
    folder = tmp_path_factory.mktemp("tiny")
    lock = folder / "tiny.txt"
    lock.write_text(lock_line("tiny", wheel(folder, "tiny", "1.0")) + lock_line("pip", pip_wheel()))
    return Recipe("tiny", "3.11", (lock,))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory, tiny_recipe: Recipe) -> Environment:
    """The environment of `tiny_recipe`."""
    folder = tmp_path_factory.mktemp("environments")
    return Environments(folder, {"tiny": tiny_recipe}, compiles=False).prepare("tiny", lambda _: None)


@pytest.fixture
def container(tmp_path: Path) -> Container:
    return Container(tmp_path / "opt-ml")
