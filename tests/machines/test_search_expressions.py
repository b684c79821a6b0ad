"""What a Search asks for, and which records it means: names, operators, values, nesting, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from stepwell.base.faults import Fault
from stepwell.machines import search_properties
from stepwell.machines.search_expressions import EVERYTHING, Leaf, Naming, Range, parse
from stepwell.machines.search_matching import matches
from stepwell.machines.search_properties import Property
from stepwell.spec import models

SERVICE = models.service("sagemaker")
COMPONENT, JOB = SERVICE.shape("TrialComponent"), SERVICE.shape("TrainingJob")
RECORD = {
    "TrialComponentName": "Train-1",
    "CreationTime": 1_700_000_000.5,
    "Parameters": {"rate": {"NumberValue": 0.5}, "opt": {"StringValue": "adam"}, "text5": {"StringValue": "5"}},
    "Metrics": [
        {"MetricName": "loss", "Last": 0.1, "Max": 0.9, "Count": 3},
        {"MetricName": "a.max", "Last": 7.0, "Max": 8.0},
    ],
    "Parents": [
        {"TrialName": "t1", "ExperimentName": "e1"},
        {"TrialName": "t2", "ExperimentName": "e2"},
    ],
    "InputArtifacts": {"data": {"Value": "s3://b/data", "MediaType": "text/csv"}},
    "Tags": [{"Key": "team", "Value": "blue"}, {"Key": "Key", "Value": "odd"}],
}
JOB_RECORD = {
    "HyperParameters": {"depth": "4.7", "low": "-4.7", "eta": "0.10", "kind": "tree"},
    "EnableNetworkIsolation": False,
    "InputDataConfig": [
        {"ChannelName": "train", "DataSource": {"S3DataSource": {"S3Uri": "s3://b/train"}}},
        {"ChannelName": "test", "DataSource": {"S3DataSource": {"S3Uri": "s3://b/test"}}},
    ],
    "TrainingTimeInSeconds": 60,
}


def naming(shape: models.Shape) -> Naming:
    def find(name: str, plain: bool) -> Property:
        return search_properties.find(shape, name, plain)

    return Naming(find, lambda name: search_properties.list_at(shape, name), frozenset({"Tags"}))


def one(name: str, operator: str | None = None, value: str | None = None) -> dict[str, Any]:
    given = {"Name": name, "Operator": operator, "Value": value}
    return {key: text for key, text in given.items() if text is not None}


def is_found(expression: dict[str, Any], shape: models.Shape = COMPONENT) -> bool:
    return matches(parse(expression, naming(shape)), RECORD if shape is COMPONENT else JOB_RECORD)


@pytest.mark.parametrize(
    ("name", "operator", "value", "expected"),
    [
        ("TrialComponentName", "Equals", "Train-1", True),
        ("TrialComponentName", None, "Train-1", True),
        ("TrialComponentName", "Equals", "train-1", False),
        ("trialcomponentname", "Equals", "Train-1", True),
        ("TrialComponentName", "NotEquals", "other", True),
        ("TrialComponentName", "Contains", "ain-", True),
        ("TrialComponentName", "Contains", "AIN", False),
        ("TrialComponentName", "In", "x, Train-1 ,y", True),
        ("TrialComponentName", "In", "x,Train", False),
        ("TrialComponentName", "In", ",", False),
        ("DisplayName", "Equals", "x", False),
        ("DisplayName", "NotEquals", "x", True),
        ("DisplayName", "Exists", None, False),
        ("DisplayName", "NotExists", None, True),
        ("TrialComponentName", None, None, True),
        ("CreationTime", "GreaterThan", "2023-11-14T22:13:20", True),
        ("CreationTime", "GreaterThan", "2023-11-14T22:13:21Z", False),
        ("CreationTime", "LessThan", "1700000001", True),
        ("Parameters.rate", "GreaterThanOrEqualTo", "0.5", True),
        ("Parameters.rate", "GreaterThan", "0.5", False),
        ("Parameters.rate.NumberValue", "LessThan", "1", True),
        ("Parameters.rate", "Equals", "0", False),
        ("Parameters.opt", "Equals", "adam", True),
        ("Parameters.opt", "GreaterThan", "1", False),
        ("Parameters.text5", "Equals", "5.0", True),
        ("Parameters.text5", "In", "4,5", True),
        ("Parameters.other", "NotExists", None, True),
        ("Metrics.loss", "LessThan", "0.2", True),
        ("metrics.loss.max", "GreaterThan", "0.8", True),
        ("Metrics.Loss", "Exists", None, False),
        ("Metrics.a.max", "Equals", "7", True),
        ("Metrics.a.max.Max", "Equals", "8", True),
        ("Metrics.loss.Count", "Equals", "3", True),
        ("Metrics", "Exists", None, True),
        ("OutputArtifacts", "Exists", None, False),
        ("Parents.ExperimentName", "Equals", "e2", True),
        ("Parents.ExperimentName", "NotEquals", "e2", False),
        ("InputArtifacts.data.Value", "Contains", "b/da", True),
        ("InputArtifacts.data.mediatype", "Equals", "text/csv", True),
        ("InputArtifacts.data", "Exists", None, True),
        ("Tags.team", "Equals", "blue", True),
        ("Tags.Key", "Equals", "odd", True),
        ("Tags.none", "Equals", "blue", False),
    ],
)
def test_a_filter_of_a_component(name: str, operator: str | None, value: str | None, expected: bool) -> None:
    assert is_found({"Filters": [one(name, operator, value)]}) is expected


@pytest.mark.parametrize(
    ("name", "operator", "value", "expected"),
    [
        # AWS, API_Filter: beside an integer, decimals of hyperparameters do not count
        ("HyperParameters.depth", "Equals", "4", True),
        ("HyperParameters.depth", "Equals", "4.0", False),
        ("HyperParameters.depth", "NotEquals", "4", False),
        ("HyperParameters.depth", "GreaterThan", "4", False),
        ("HyperParameters.depth", "GreaterThan", "4.0", True),
        ("HyperParameters.depth", "GreaterThanOrEqualTo", "4", True),
        ("HyperParameters.depth", "GreaterThanOrEqualTo", "5", False),
        ("HyperParameters.depth", "LessThan", "5", True),
        ("HyperParameters.depth", "LessThanOrEqualTo", "4", True),
        ("HyperParameters.depth", "LessThan", "4", False),
        ("HyperParameters.low", "Equals", "-4", True),
        ("HyperParameters.low", "GreaterThan", "-5", True),
        ("HyperParameters.low", "GreaterThan", "-4", False),
        ("HyperParameters.low", "LessThan", "-4", False),
        ("HyperParameters.low", "LessThanOrEqualTo", "-4", True),
        ("HyperParameters.eta", "Equals", "0.1", True),
        ("HyperParameters.eta", "Equals", "0", True),
        ("HyperParameters.eta", "LessThan", "0.5", True),
        ("HyperParameters.kind", "Equals", "tree", True),
        ("HyperParameters.kind", "LessThan", "5", False),
        ("HyperParameters.kind", "Contains", "re", True),
        ("HyperParameters.depth", "Contains", ".7", True),
        ("EnableNetworkIsolation", "Equals", "False", True),
        ("EnableNetworkIsolation", "Equals", "true", False),
        ("InputDataConfig.ChannelName", "Equals", "test", True),
        ("InputDataConfig.DataSource.S3DataSource.S3Uri", "Contains", "/test", True),
        ("TrainingTimeInSeconds", "GreaterThan", "59.5", True),
    ],
)
def test_a_filter_of_a_job(name: str, operator: str, value: str, expected: bool) -> None:
    assert is_found({"Filters": [one(name, operator, value)]}, JOB) is expected


TRUE, FALSE = one("TrialComponentName", "Exists"), one("DisplayName", "Exists")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ({"Filters": [TRUE, FALSE]}, False),
        ({"Filters": [TRUE, FALSE], "Operator": "And"}, False),
        ({"Filters": [TRUE, FALSE], "Operator": "Or"}, True),
        ({"Filters": [FALSE, FALSE], "Operator": "Or"}, False),
        ({"Filters": [FALSE], "SubExpressions": [{"Filters": [TRUE]}], "Operator": "Or"}, True),
        ({"SubExpressions": [{"Filters": [TRUE, FALSE]}, {"Filters": [TRUE]}]}, False),
        ({"SubExpressions": [{"Filters": [TRUE, FALSE], "Operator": "Or"}, {"Filters": [TRUE]}]}, True),
    ],
)
def test_and_or(expression: dict[str, Any], expected: bool) -> None:
    assert is_found(expression) is expected


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([("Parents.TrialName", "t1"), ("Parents.ExperimentName", "e1")], True),
        ([("Parents.TrialName", "t1"), ("Parents.ExperimentName", "e2")], False),
    ],
)
def test_one_element_must_fulfil_a_nested_filter(filters: list[tuple[str, str]], expected: bool) -> None:
    plain = [one(name, "Equals", value) for name, value in filters]
    assert is_found({"NestedFilters": [{"NestedPropertyName": "Parents", "Filters": plain}]}) is expected
    assert is_found({"Filters": plain})


def test_inside_a_nested_filter_tags_are_keys_and_values() -> None:
    wanted = [one("Tags.Key", "Equals", "team"), one("Tags.Value", "Equals", "blue")]
    assert is_found({"NestedFilters": [{"NestedPropertyName": "Tags", "Filters": wanted}]})
    wanted[1]["Value"] = "odd"
    assert not is_found({"NestedFilters": [{"NestedPropertyName": "Tags", "Filters": wanted}]})


def deep(levels: int) -> dict[str, Any]:
    expression: dict[str, Any] = {"Filters": [TRUE]}
    for _ in range(levels):
        expression = {"SubExpressions": [expression]}
    return expression


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ({"Filters": [one("Nope", "Equals", "x")]}, "Unknown property name: Nope"),
        ({"Filters": [one("Source.Nope", "Exists")]}, "Unknown property name: Source.Nope"),
        ({"Filters": [one("Source..SourceArn", "Exists")]}, "Unknown property name: Source..SourceArn"),
        ({"Filters": [one("TrialComponentName.x", "Exists")]}, "Unknown property name: TrialComponentName.x"),
        ({"Filters": [one("TrialComponentName", "GreaterThan", "1")]}, "not supported for text property"),
        ({"Filters": [one("CreationTime", "Contains", "1")]}, "not supported for timestamp property"),
        ({"Filters": [one("Metrics.loss", "In", "1,2")]}, "not supported for numeric property"),
        ({"Filters": [one("Metrics.loss", "LessThan", "low")]}, "Invalid value 'low' for property Metrics.loss"),
        ({"Filters": [one("Metrics.loss", "LessThan", "nan")]}, "expected a number"),
        ({"Filters": [one("CreationTime", "LessThan", "soon")]}, "expected a time"),
        ({"Filters": [one("Parameters.rate", "LessThan", "x")]}, "expected a number"),
        ({"Filters": [one("Source", "Equals", "x")]}, "only the operators Exists and NotExists"),
        ({"Filters": [one("DisplayName", "Equals")]}, "A value is required for operator Equals"),
        ({}, "at least one subexpression, filter, or nested filter"),
        ({"SubExpressions": [{}]}, "at least one subexpression, filter, or nested filter"),
        (deep(60), "too long"),
        (deep(100_000), "too long"),
        ({"SubExpressions": [{"Filters": [TRUE] * 20} for _ in range(3)]}, "too long"),
        (
            {"Filters": [one("TrialComponentName", "Contains", "a"), one("DisplayName", "Contains", "b")]},
            "'CONTAINS' operator usage limit of 1 exceeded.",
        ),
        (
            {"NestedFilters": [{"NestedPropertyName": "Source", "Filters": [one("Source.SourceArn", "Exists")]}]},
            "not a list",
        ),
        (
            {"NestedFilters": [{"NestedPropertyName": "Parents", "Filters": [TRUE]}]},
            "is not in Parents",
        ),
    ],
)
def test_what_is_refused(expression: dict[str, Any], message: str) -> None:
    with pytest.raises(Fault) as raised:
        parse(expression, naming(COMPONENT))
    assert raised.value.code == "ValidationException"
    assert message in raised.value.message


def test_a_value_that_is_true_or_false() -> None:
    with pytest.raises(Fault, match="expected true or false"):
        parse({"Filters": [one("EnableNetworkIsolation", "Equals", "maybe")]}, naming(JOB))
    with pytest.raises(Fault, match="not supported for boolean"):
        parse({"Filters": [one("EnableNetworkIsolation", "LessThan", "true")]}, naming(JOB))


def test_as_much_as_may_be() -> None:
    parse(
        {"SubExpressions": [{"Filters": [TRUE] * 20}, {"Filters": [TRUE] * 20}, {"Filters": [TRUE] * 7}]},
        naming(COMPONENT),
    )
    parse({"Filters": [one("Tags.a", "Contains", "a"), one("Tags.b", "Contains", "b")]}, naming(COMPONENT))
    assert parse(None, naming(COMPONENT)) is EVERYTHING
    assert matches(EVERYTHING, {})


def test_numbers_beyond_decimals_are_not_cut() -> None:
    leaf = parse({"Filters": [one("HyperParameters.depth", "Equals", "9007199254740993")]}, naming(JOB))
    assert isinstance(leaf, Leaf) and leaf.test == Range(2.0**53, 2.0**53)
