"""QueryLineage: vertices and edges of any graph, page by page, whatever happens between the pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from registry_door import SageMaker, arn, opened, refused

from stepwell.base.documents import Document
from stepwell.services.sagemaker import lineage_pages

SIZE = 8
PAIRS = st.tuples(st.integers(0, SIZE - 1), st.integers(0, SIZE - 1)).filter(lambda pair: pair[0] != pair[1])
TYPES = ("Model", "DataSet")


@pytest.fixture(scope="module")
def sagemaker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMaker]:
    with opened(tmp_path_factory.mktemp("lineage")) as call:
        yield call


@pytest.fixture(scope="module")
def arns(sagemaker: SageMaker) -> list[str]:
    """Entities by place, of two types in turn."""
    return [
        sagemaker("CreateArtifact", ArtifactType=TYPES[place % 2], Source={"SourceUri": f"s3://b/{place}"})[
            "ArtifactArn"
        ]
        for place in range(SIZE)
    ]


def join(sagemaker: SageMaker, arns: list[str], edges: set[tuple[int, int]]) -> None:
    """Exactly these edges."""
    answer = sagemaker("ListAssociations", MaxResults=100)
    for each in answer["AssociationSummaries"]:
        sagemaker("DeleteAssociation", SourceArn=each["SourceArn"], DestinationArn=each["DestinationArn"])
    for source, destination in sorted(edges):
        sagemaker("AddAssociation", SourceArn=arns[source], DestinationArn=arns[destination])


def naive(edges: set[tuple[int, int]], direction: str, depth: int, start: int = 0) -> dict[int, int]:
    ways = set(edges) if direction != "Ascendants" else set()
    ways |= {(b, a) for a, b in edges} if direction != "Descendants" else set()
    found, queue = {start: 0}, [start]
    for here in queue:
        for a, b in sorted(ways):
            if a == here and b not in found and found[here] < depth:
                found[b] = found[here] + 1
                queue.append(b)
    return found


def pages(sagemaker: SageMaker, forgetful: bool, **request: object) -> tuple[list[Document], list[Document]]:
    """All vertices and edges."""
    vertices: list[Document] = []
    edges: list[Document] = []
    token: Document = {}
    while True:
        if forgetful:
            lineage_pages._kept.clear()
        answer = sagemaker("QueryLineage", **request, **token)
        vertices += answer["Vertices"]
        edges += answer["Edges"]
        seen = {vertex["Arn"] for vertex in vertices}
        assert all({edge["SourceArn"], edge["DestinationArn"]} <= seen for edge in answer["Edges"])
        if "NextToken" not in answer:
            return vertices, edges
        assert len(answer["Vertices"]) == request["MaxResults"]
        token = {"NextToken": answer["NextToken"]}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    joined=st.sets(PAIRS, max_size=16),
    direction=st.sampled_from(["Both", "Ascendants", "Descendants"]),
    depth=st.integers(0, 10),
    most=st.integers(1, 5),
    with_edges=st.booleans(),
    filtered=st.booleans(),
    forgetful=st.booleans(),
)
def test_all_pages_together_are_the_naive_answer(
    sagemaker: SageMaker,
    arns: list[str],
    joined: set[tuple[int, int]],
    direction: str,
    depth: int,
    most: int,
    with_edges: bool,
    filtered: bool,
    forgetful: bool,
) -> None:
    join(sagemaker, arns, joined)
    vertices, edges = pages(
        sagemaker,
        forgetful,
        StartArns=[arns[0]],
        Direction=direction,
        MaxDepth=depth,
        MaxResults=most,
        IncludeEdges=with_edges,
        Filters={"Types": ["DataSet"]} if filtered else {},
    )
    found = naive(joined, direction, depth)
    expected = {each for each in found if not filtered or each % 2}
    if with_edges and filtered:
        opposite = {"Both": "Both", "Ascendants": "Descendants", "Descendants": "Ascendants"}[direction]
        back = {goal: naive(joined, opposite, 10, goal) for goal in expected}
        expected = {
            each for each in found if any(found[each] + back[goal].get(each, 99) == found[goal] for goal in back)
        }
    elif not with_edges:
        expected -= {0}
    given_arns = [vertex["Arn"] for vertex in vertices]
    assert given_arns == [arns[each] for each in sorted(expected, key=lambda each: (found[each], each))]
    between = [(arns[a], arns[b]) for a, b in joined if a in expected and b in expected]
    assert sorted((edge["SourceArn"], edge["DestinationArn"]) for edge in edges) == sorted(
        between if with_edges else []
    )


def test_a_page_goes_on_where_the_walk_stood(sagemaker: SageMaker, arns: list[str]) -> None:
    join(sagemaker, arns, {(0, 1), (1, 2), (2, 3)})
    request = {"StartArns": [arns[0]], "Direction": "Descendants", "MaxResults": 2, "IncludeEdges": False}
    first = sagemaker("QueryLineage", **request)
    sagemaker("DeleteAssociation", SourceArn=arns[0], DestinationArn=arns[1])
    second = sagemaker("QueryLineage", **request, NextToken=first["NextToken"])
    assert [vertex["Arn"] for vertex in second["Vertices"]] == [arns[3]]


def test_a_page_may_be_asked_for_again(sagemaker: SageMaker, arns: list[str]) -> None:
    join(sagemaker, arns, {(0, each) for each in range(1, SIZE)})
    request = {"StartArns": [arns[0]], "MaxResults": 3}
    token = sagemaker("QueryLineage", **request)["NextToken"]
    first, again = (sagemaker("QueryLineage", **request, NextToken=token) for _ in range(2))
    assert (first["Vertices"], first["Edges"]) == (again["Vertices"], again["Edges"])


@pytest.mark.parametrize("forgetful", [False, True])
def test_without_a_start_whatever_fits_is_found(sagemaker: SageMaker, arns: list[str], *, forgetful: bool) -> None:
    join(sagemaker, arns, {(1, 3), (0, 1)})
    vertices, edges = pages(sagemaker, forgetful, MaxResults=3, Filters={"Types": ["DataSet"]})
    assert [vertex["Arn"] for vertex in vertices] == arns[1::2]
    assert edges == [{"SourceArn": arns[1], "DestinationArn": arns[3]}]


def test_vertices_say_what_they_are(sagemaker: SageMaker, tmp_path: Path) -> None:
    del sagemaker
    with opened(tmp_path) as call:
        source = {"SourceUri": "u"}
        call("CreateAction", ActionName="a", ActionType="Approval", Source=source)
        call("CreateContext", ContextName="c", ContextType="Endpoint", Source=source)
        call("CreateTrialComponent", TrialComponentName="t")
        for a, b in (("action/a", "context/c"), ("context/c", "experiment-trial-component/t")):
            call("AddAssociation", SourceArn=arn(a), DestinationArn=arn(b), AssociationType="Produced")
        answer = call("QueryLineage", StartArns=[arn("action/a")])
        assert answer["Vertices"] == [
            {"Arn": arn("action/a"), "Type": "Approval", "LineageType": "Action"},
            {"Arn": arn("context/c"), "Type": "Endpoint", "LineageType": "Context"},
            {"Arn": arn("experiment-trial-component/t"), "LineageType": "TrialComponent"},
        ]
        assert answer["Edges"][0]["AssociationType"] == "Produced"


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        ({"StartArns": ["arn:aws:sagemaker:eu-west-1:123456789012:artifact/none"]}, "ResourceNotFound", "Artifact '"),
        ({"StartArns": ["arn:aws:sagemaker:us-east-1:123456789012:action/a"]}, "ResourceNotFound", "Action '"),
        ({"StartArns": ["arn:aws:sagemaker:eu-west-1:123456789012:model/a"]}, "ValidationException", "pattern"),
        ({"MaxDepth": 11}, "ValidationException", "less than or equal to 10"),
        ({"MaxDepth": -1}, "ValidationException", "MaxDepth"),
        ({"MaxResults": 51}, "ValidationException", "less than or equal to 50"),
        ({"MaxResults": 0}, "ValidationException", "MaxResults"),
        ({"NextToken": "?"}, "ValidationException", "NextToken"),
        ({"Filters": {"LineageTypes": ["Trial"]}}, "ValidationException", "enum"),
    ],
)
def test_what_is_refused(sagemaker: SageMaker, arns: list[str], request_: Document, code: str, message: str) -> None:
    asked = {"StartArns": [arns[0]], **request_}
    refused(code, message, lambda: sagemaker("QueryLineage", **asked))


def test_no_more_queries_are_kept_than_fit(
    sagemaker: SageMaker, arns: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    join(sagemaker, arns, {(0, 1), (1, 2)})
    monkeypatch.setattr(lineage_pages, "MOST_KEPT", 3)
    for _ in range(5):
        sagemaker("QueryLineage", StartArns=[arns[0]], MaxResults=1)
    assert len(lineage_pages._kept) == 3
    monkeypatch.setattr(lineage_pages, "MOST_IDS", 1)
    lineage_pages._kept.clear()
    token = sagemaker("QueryLineage", StartArns=[arns[0]], MaxResults=2)["NextToken"]
    assert not lineage_pages._kept
    answer = sagemaker("QueryLineage", StartArns=[arns[0]], MaxResults=2, NextToken=token)
    assert [vertex["Arn"] for vertex in answer["Vertices"]] == [arns[2]]
