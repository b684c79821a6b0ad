"""A door to an empty installation, and one whose functions run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lambda_support import SCOPE, Aws, Running, new_site, running

from stepwell.base.documents import Document
from stepwell.services.registry import Door, Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = new_site(tmp_path)
    yield made
    made.database.close()


@pytest.fixture
def aws(site: Site) -> Aws:
    door = Door(site)
    return lambda operation, **params: door.call(SCOPE, "lambda", operation, params)


@pytest.fixture
def s3(site: Site) -> Callable[..., Document]:
    door = Door(site)
    return lambda operation, **params: door.call(SCOPE, "s3", operation, params)


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One for all tests of a module; each makes functions of its own name."""
    with running(tmp_path_factory.mktemp("functions")) as started:
        yield started
