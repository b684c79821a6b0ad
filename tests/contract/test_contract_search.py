"""Search through real clients: boto3 against a server, mistakes by their names, an index that outlives a kill."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from served import Server

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]

COMPONENTS = 130
"""More than are read one by one: the index serves."""


def where(name: str, operator: str, value: str) -> dict[str, Any]:
    return {"Filters": [{"Name": name, "Operator": operator, "Value": value}]}


def names(client: Any, **request: Any) -> list[str]:
    """The components that a search finds, by all its pages."""
    pages = client.get_paginator("search").paginate(Resource="ExperimentTrialComponent", **request)
    return [each["TrialComponent"]["TrialComponentName"] for page in pages for each in page["Results"]]


def populate(client: Any, prefix: str) -> None:
    client.create_experiment(ExperimentName=prefix)
    client.create_trial(TrialName=f"{prefix}-trial", ExperimentName=prefix)
    for number in range(COMPONENTS):
        name = f"{prefix}-{number:03}"
        client.create_trial_component(TrialComponentName=name, Parameters={"rate": {"NumberValue": number / 10}})
        if number % 10 == 0:
            client.associate_trial_component(TrialComponentName=name, TrialName=f"{prefix}-trial")


def test_searches_of_many_components_and_their_index_after_a_kill(own_server: Server) -> None:
    client = own_server.client("sagemaker")
    populate(client, "many")
    request = {
        "SearchExpression": where("Parents.ExperimentName", "Equals", "many"),
        "SortBy": "parameters.rate",
        "SortOrder": "Ascending",
        "MaxResults": 4,
    }
    expected = [f"many-{number:03}" for number in range(0, COMPONENTS, 10)]
    assert names(client, **request) == expected
    own_server.kill()
    client = own_server.start().client("sagemaker")
    assert names(client, **request) == expected
    client.disassociate_trial_component(TrialComponentName="many-010", TrialName="many-trial")
    client.update_trial_component(TrialComponentName="many-000", Parameters={"rate": {"NumberValue": 99.0}})
    assert names(client, **request) == [*expected[2:], "many-000"]
    high = where("Parameters.rate", "GreaterThanOrEqualTo", "12.5")
    assert names(client, SearchExpression=high, SortBy="Parameters.rate", SortOrder="Ascending") == [
        *(f"many-{number}" for number in range(125, COMPONENTS)),
        "many-000",
    ]


def test_records_are_parsed_as_their_shapes_say(server: Server) -> None:
    client = server.client("sagemaker")
    client.create_model_package_group(ModelPackageGroupName="searched", Tags=[{"Key": "team", "Value": "blue"}])
    answer = client.search(Resource="ModelPackageGroup", SearchExpression=where("Tags.team", "Equals", "blue"))
    [result] = answer["Results"]
    described = client.describe_model_package_group(ModelPackageGroupName="searched")
    record = result["ModelPackageGroup"]
    assert record["CreationTime"] == described["CreationTime"]
    assert record["Tags"] == [{"Key": "team", "Value": "blue"}]
    suggested = client.get_search_suggestions(
        Resource="ModelPackageGroup", SuggestionQuery={"PropertyNameQuery": {"PropertyNameHint": "tags.te"}}
    )
    assert suggested["PropertyNameSuggestions"] == [{"PropertyName": "Tags.team"}]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (where("Colour", "Equals", "blue"), "Unknown property name: Colour"),
        (where("CreationTime", "GreaterThan", "yesterday"), "expected a time as YYYY-mm-dd'T'HH:MM:SS"),
        (where("TrainingJobName", "LessThan", "5"), "Operator LessThan is not supported for text property"),
        ({"SubExpressions": [{"Filters": [{"Name": "TrainingJobName"}] * 20}] * 3}, "too long"),
    ],
)
def test_mistakes_are_named(server: Server, expression: dict[str, Any], message: str) -> None:
    with pytest.raises(ClientError, match=message) as raised:
        server.client("sagemaker").search(Resource="TrainingJob", SearchExpression=expression)
    assert raised.value.response["Error"]["Code"] == "ValidationException"
