"""Room machines, pipeline_cache: what makes two runs the same, and what differs between them."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from stepwell.machines import pipeline_cache as cache
from stepwell.steps import cache_keys

PROCESSING: dict[str, Any] = {
    "ProcessingJobName": "pipelines-x-Step-1",
    "AppSpecification": {"ImageUri": "python:3.11"},
    "Environment": {"A": "1"},
    "ProcessingInputs": [{"InputName": "in", "S3Input": {"S3Uri": "s3://b/in"}}],
    "ProcessingOutputConfig": {"Outputs": []},
    "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.t3.medium"}},
    "StoppingCondition": {"MaxRuntimeInSeconds": 5},
    "RoleArn": "arn:aws:iam::123456789012:role/R",
    "Tags": [{"Key": "a", "Value": "b"}],
}
JSON = some.recursive(
    some.none() | some.booleans() | some.integers(-5, 5) | some.text("ab/~", max_size=3),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text("ab/~", max_size=2), inner, max_size=3),
    max_leaves=8,
)


def key(request: dict[str, Any], type_: str = "Processing") -> str:
    return cache.digest("arn", "Step", type_, cache.attributes(request, cache_keys.of(type_)))


def changed(path: str, value: object) -> dict[str, Any]:
    request = copy.deepcopy(PROCESSING)
    *parents, last = path.split(".")
    target: Any = request
    for parent in parents:
        target = target[parent]
    target[last] = value
    return request


@pytest.mark.parametrize(
    ("path", "value", "same"),
    [
        ("AppSpecification.ImageUri", "python:3.12", False),
        ("Environment.A", "2", False),
        ("Environment.B", "1", False),
        ("ProcessingInputs", [], False),
        ("ProcessingJobName", "other", True),
        ("ProcessingOutputConfig.Outputs", [{"OutputName": "x"}], True),
        ("ProcessingResources.ClusterConfig.InstanceType", "ml.m5.large", True),
        ("StoppingCondition.MaxRuntimeInSeconds", 6, True),
        ("RoleArn", "other", True),
        ("Tags", [], True),
    ],
)
def test_only_key_attributes_count(path: str, value: object, same: bool) -> None:
    assert (key(changed(path, value)) == key(PROCESSING)) is same


def test_keys_belong_to_a_step_of_a_pipeline() -> None:
    found = {
        cache.digest(pipeline, step, type_, {})
        for pipeline in ("p", "q")
        for step in ("a", "b")
        for type_ in ("Training", "Processing")
    }
    assert len(found) == 8


def test_order_of_members_does_not_count() -> None:
    backwards = dict(reversed(list(PROCESSING.items())))
    assert key(backwards) == key(PROCESSING)


def test_attributes_reach_into_members() -> None:
    request = {"TrainingJobDefinition": {"StaticHyperParameters": {"a": "1"}, "RoleArn": "r"}, "Tags": []}
    assert cache.attributes(request, cache_keys.of("Tuning")) == {
        "TrainingJobDefinition.StaticHyperParameters": {"a": "1"}
    }
    assert cache.attributes({"TrainingJobDefinition": "no structure"}, cache_keys.of("Tuning")) == {}


def test_types_that_are_never_cached() -> None:
    assert not any(cache_keys.of(type_) for type_ in ("Model", "RegisterModel", "Condition", "Fail", "ForEach"))


def test_data_uris() -> None:
    assert cache.data_uris({"a": [{"u": "s3://b/x"}, "s3://b/x"], "c": {"d": "s3://a/y"}, "e": "python:3.11"}) == [
        "s3://a/y",
        "s3://b/x",
    ]


@pytest.mark.parametrize(
    ("before", "after", "pointers"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, ["/a"]),
        ({"a": 1}, {}, ["/a"]),
        ({}, {"a": {"b": 1}}, ["/a"]),
        ({"a": [1, 2, 3]}, {"a": [1, 3]}, ["/a/1", "/a/2"]),
        ({"a/b": {"~": 1}}, {"a/b": {"~": 2}}, ["/a~1b/~0"]),
        ({"a": True}, {"a": 1}, ["/a"]),
        ({"a": {"x": 1}}, {"a": [1]}, ["/a"]),
        ({"b": 1, "a": 1}, {"a": 2, "b": 2}, ["/a", "/b"]),
    ],
)
def test_differences(before: Any, after: Any, pointers: list[str]) -> None:
    assert list(cache.differences(before, after)) == pointers


@given(JSON, JSON)
def test_equal_values_have_no_differences_and_others_have(before: Any, after: Any) -> None:
    assert list(cache.differences(before, before)) == []
    forward, backward = set(cache.differences(before, after)), set(cache.differences(after, before))
    assert forward == backward
