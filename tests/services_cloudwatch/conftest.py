"""CloudWatch behind the door of an empty installation."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stepwell.base import clock
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.services.registry import Door

Asked = Callable[..., Document]


@pytest.fixture
def cloudwatch(door: Door, scope: Scope) -> Asked:
    return lambda operation, **params: door.call(scope, "cloudwatch", operation, params)


@pytest.fixture
def minute() -> float:
    """The beginning of a minute not long ago."""
    return (clock.now() - 600) // 60 * 60


@pytest.fixture
def put(cloudwatch: Asked) -> Callable[..., None]:
    """Puts (moment, value) pairs into one series."""

    def put_points(name: str, *points: tuple[float, float], namespace: str = "mine", **members: object) -> None:
        data = [{"MetricName": name, "Timestamp": at, "Value": value, **members} for at, value in points]
        cloudwatch("PutMetricData", Namespace=namespace, MetricData=data)

    return put_points
