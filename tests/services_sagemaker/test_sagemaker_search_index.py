"""What the index serves is what reading all records gives: in the same order, page by page, after changes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.base import clock
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.blobs.folder import Blobs
from stepwell.services.registry import Door, Site
from stepwell.services.sagemaker import search_index, search_lookup, search_proposals
from stepwell.store.database import Database

TEXT_NAMES = (
    "TrialComponentName",
    "DisplayName",
    "Tags.team",
    "Parents.TrialName",
    "Parents.ExperimentName",
    "InputArtifacts.data.Value",
    "Status.PrimaryStatus",
    "SourceDetail.SourceArn",
)
NUMBER_NAMES = ("Metrics.loss", "Metrics.loss.Max", "Metrics.loss.Count", "CreationTime", "LastModifiedTime")
ANY_NAMES = ("Parameters.depth", "Parameters.rate", "Parameters.rate.NumberValue")
TEXTS = ("a", "b", "ab", "c1", "c12", "t0", "t1", "e0", "1", "0.5")
NUMBERS = ("-1", "0", "0.5", "1", "1.0", "7")
COMPONENTS = 14


def filters() -> st.SearchStrategy[dict[str, str]]:
    def make(names: tuple[str, ...], operators: tuple[str, ...], values: tuple[str, ...]) -> Any:
        return st.fixed_dictionaries(
            {
                "Name": st.sampled_from(names),
                "Operator": st.sampled_from(operators),
                "Value": st.sampled_from(values),
            }
        )

    equal, order = ("Equals", "NotEquals"), ("GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo")
    there = ("Exists", "NotExists")
    # what is likely to be true of some and not of others comes more often
    return st.one_of(
        make(("Tags.team", "Parents.TrialName", "DisplayName"), equal, ("a", "b", "t0", "t1")),
        make(("Parameters.rate", "Metrics.loss"), (*order, *equal), ("0", "0.5")),
        make(TEXT_NAMES, (*equal, "In", *there), (*TEXTS, "a,b", "t1, e0")),
        make(("TrialComponentName", "Tags.team", "DisplayName"), ("Contains",), TEXTS),
        make(NUMBER_NAMES, (*equal, *order, *there), NUMBERS),
        make(ANY_NAMES, (*equal, *order, *there), NUMBERS),
        make(ANY_NAMES, (*equal, "In"), (*TEXTS, "1,ab", "x,0.50")),
    )


def nested() -> st.SearchStrategy[dict[str, Any]]:
    inner = st.fixed_dictionaries(
        {
            "Name": st.sampled_from(("Parents.TrialName", "Parents.ExperimentName")),
            "Operator": st.sampled_from(("Equals", "NotEquals", "Exists")),
            "Value": st.sampled_from(("t0", "t1", "e0", "e1")),
        }
    )
    return st.fixed_dictionaries(
        {"NestedPropertyName": st.just("Parents"), "Filters": st.lists(inner, min_size=1, max_size=2)}
    )


def expressions() -> st.SearchStrategy[dict[str, Any]]:
    boolean = {"Operator": st.sampled_from(("And", "Or"))}
    one = st.fixed_dictionaries({"Filters": st.lists(filters(), min_size=1, max_size=2)}, optional=boolean)

    def of(children: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
        optional = {
            "Filters": st.lists(filters(), min_size=1, max_size=2),
            "NestedFilters": st.lists(nested(), min_size=1, max_size=1),
            **boolean,
        }
        return st.fixed_dictionaries(
            {"SubExpressions": st.lists(children, min_size=1, max_size=2)}, optional=optional
        )

    return st.one_of(
        one, st.fixed_dictionaries({"NestedFilters": st.lists(nested(), min_size=1, max_size=2)}), of(one)
    )


SEARCHES = st.fixed_dictionaries(
    {
        "SortBy": st.sampled_from((*TEXT_NAMES, *NUMBER_NAMES, *ANY_NAMES)),
        "SortOrder": st.sampled_from(("Ascending", "Descending")),
        "MaxResults": st.integers(1, 6),
    },
    optional={"SearchExpression": expressions()},
)
CHANGES = st.tuples(
    st.sampled_from(
        ("parameter", "text", "metric", "tag", "untag", "join", "leave", "name", "delete", "create", "tag", "leave")
    ),
    st.integers(0, COMPONENTS - 1),
    st.integers(0, 3),
)


class Caller:
    """Somebody with an account of their own in an installation that all examples share."""

    numbers = count(1)

    def __init__(self, door: Door) -> None:
        self.door = door
        self.scope = Scope(f"{next(Caller.numbers):012}", "eu-west-1", "arn:aws:iam::123456789012:role/tester")

    def sagemaker(self, operation: str, **request: object) -> Document:
        return self.door.call(self.scope, "sagemaker", operation, request)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("search")
    database = Database(folder / "stepwell.db")
    yield Door(Site(folder, "123456789012", "http://127.0.0.1:0", database, Blobs(folder / "blobs")))
    database.close()


def change(caller: Caller, what: str, component: int, by: int) -> None:
    """One change of one component; one that cannot be is none."""
    name = f"c{component}"
    arn = caller.scope.arn("sagemaker", f"experiment-trial-component/{name}")
    number = (-1.0, 0.0, 0.5, 1.0)[by]
    requests: dict[str, tuple[str, str, dict[str, Any]]] = {
        "parameter": (
            "sagemaker",
            "UpdateTrialComponent",
            {"TrialComponentName": name, "Parameters": {"rate": {"NumberValue": number}}},
        ),
        "text": (
            "sagemaker",
            "UpdateTrialComponent",
            {
                "TrialComponentName": name,
                "Parameters": {"depth": {"StringValue": TEXTS[by + 5]}, "rate": {"StringValue": TEXTS[by]}},
                "InputArtifacts": {"data": {"Value": TEXTS[by]}},
            },
        ),
        "metric": (
            "sagemaker-metrics",
            "BatchPutMetrics",
            {
                "TrialComponentName": name,
                "MetricData": [{"MetricName": "loss", "Timestamp": clock.now(), "Value": number}],
            },
        ),
        "tag": ("sagemaker", "AddTags", {"ResourceArn": arn, "Tags": [{"Key": "team", "Value": TEXTS[by]}]}),
        "untag": ("sagemaker", "DeleteTags", {"ResourceArn": arn, "TagKeys": ["team"]}),
        "join": ("sagemaker", "AssociateTrialComponent", {"TrialComponentName": name, "TrialName": f"t{by}"}),
        "leave": ("sagemaker", "DisassociateTrialComponent", {"TrialComponentName": name, "TrialName": f"t{by}"}),
        "name": ("sagemaker", "UpdateTrialComponent", {"TrialComponentName": name, "DisplayName": TEXTS[by]}),
        "delete": ("sagemaker", "DeleteTrialComponent", {"TrialComponentName": name}),
        "create": ("sagemaker", "CreateTrialComponent", {"TrialComponentName": name}),
    }
    service, operation, request = requests[what]
    try:
        caller.door.call(caller.scope, service, operation, request)
    except Fault:
        return


def pages(caller: Caller, request: dict[str, Any]) -> list[list[str]]:
    """The names on each page, until there is no more."""
    found, token = [], None
    while True:
        following: dict[str, str] = {"NextToken": token} if token else {}
        answer = caller.sagemaker("Search", Resource="ExperimentTrialComponent", **request, **following)
        found.append([each["TrialComponent"]["TrialComponentName"] for each in answer["Results"]])
        token = answer.get("NextToken")
        if token is None:
            return found


def populate(caller: Caller) -> None:
    """Components that differ in everything that searches ask for, some of them without it."""
    for number in range(4):
        caller.sagemaker("CreateExperiment", ExperimentName=f"e{number}")
        caller.sagemaker("CreateTrial", TrialName=f"t{number}", ExperimentName=f"e{number % 2}")
    for number in range(COMPONENTS):
        change(caller, "create", number, 0)
        for each, what in enumerate(("parameter", "text", "metric", "tag", "join", "name")):
            if (number + each) % 3:
                change(caller, what, number, (number * (each + 3) // 2) % 4)
        if number % 2:
            change(caller, "join", number, number % 4)
            change(caller, "metric", number, number % 3)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(SEARCHES, min_size=2, max_size=5),
    st.lists(CHANGES, min_size=5, max_size=25),
    st.sampled_from((0, 3, 100)),
)
def test_the_index_answers_as_all_records_do(
    shared: Door, searches: list[dict[str, Any]], between: list[Any], narrow: int
) -> None:
    caller = Caller(shared)
    populate(caller)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search_proposals, "NARROW", narrow)
        patch.setattr(search_index, "BUILT_TOGETHER", 3)
        for changes in ([], between):
            for each in changes:
                change(caller, *each)
            for request in searches:
                patch.setattr(search_lookup, "FEW", 10**9)
                expected = pages(caller, request)
                patch.setattr(search_lookup, "FEW", 0)
                assert pages(caller, request) == expected
