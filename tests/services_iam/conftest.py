"""iam behind the door of an empty installation."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.services.registry import Door


@pytest.fixture
def iam(door: Door, scope: Scope) -> Callable[..., Document]:
    return lambda operation, **params: door.call(scope, "iam", operation, params)
