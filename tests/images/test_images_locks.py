"""The stored lock files: closed, checked by hash, and kept in step with the files they are made from.

A lock is made anew, in src/stepwell/images/locks, by
`uv pip compile --universal --generate-hashes --no-header --no-annotate --python-version 3.11 <name>.in -o <name>.txt`
(python.in: --python-version 3.10; xgboost-*.in: --no-deps, because what xgboost needs stands in scikit-learn-*.txt).
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stepwell.images import catalog
from stepwell.images.recipes import LOCKS

RECIPES = catalog.load(None).recipes
FILES = sorted(LOCKS.glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_package_is_pinned_and_hashed(path: Path) -> None:
    blocks = re.split(r"\n(?=\S)", path.read_text().strip())
    assert blocks
    for block in blocks:
        assert re.match(r"[a-z0-9][\w.-]*==\S+", block), block
        assert "--hash=sha256:" in block, block


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_lock_names_a_host(path: Path) -> None:
    assert "://" not in path.read_text()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_lock_holds_what_its_source_asks_for(path: Path) -> None:
    pins = dict(re.findall(r"^([a-z0-9][\w.-]*)==([^\s;\\]+)", path.read_text(), re.MULTILINE))
    for line in path.with_suffix(".in").read_text().split():
        name, version = re.fullmatch(r"([\w.-]+?)(?:==(\S+)|[<>].*)?", line).groups()  # type: ignore[union-attr]
        found = pins[name.lower().replace("_", "-")]
        assert version in (None, found), line


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_the_files_of_a_recipe_name_no_package_twice(name: str) -> None:
    pins = re.findall(r"^([a-z0-9][\w.-]*)==[^;\n]*$", RECIPES[name].text(), re.MULTILINE)
    assert len(pins) == len(set(pins))


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_environment_has_pip_and_boto3(name: str) -> None:
    assert {"pip", "boto3"} <= set(RECIPES[name].packages())


GENERATIONS = sorted(each for each in RECIPES if each.startswith(("scikit-learn", "xgboost")))


@pytest.mark.parametrize("name", GENERATIONS)
def test_pandas_and_numpy_are_of_the_tags_generation(name: str) -> None:
    """Spec 08: pandas 1 and numpy 1 for every tag before 1.4-2 and 3.0-5 (pandas 2 writes get_dummies as True)."""
    packages = RECIPES[name].packages()
    old = name in ("scikit-learn-1.1.3", "scikit-learn-1.2.1") or name.startswith(("xgboost-0", "xgboost-1"))
    assert packages["pandas"].startswith("1.") == old
    if old:
        assert packages["numpy"].startswith("1.")


def test_no_environment_brings_gpu_libraries() -> None:
    assert not any("nvidia" in path.read_text() for path in FILES)


def test_without_gpus_torch_is_named_as_the_build_that_needs_none() -> None:
    """A plain `torch` would bring gigabytes: whoever resolves it must find the build for processors or nothing."""
    recipes = catalog.load(None, accelerated=False).recipes.values()
    named = [each for recipe in recipes for each in recipe.requirements if each.startswith("torch")]
    assert named
    assert all(each.endswith("+cpu") for each in named)
