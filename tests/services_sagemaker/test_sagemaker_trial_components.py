"""Trial components: what clients put in, change, list and delete; bounds and values that are refused."""

from __future__ import annotations

import math

import pytest
from experiment_callers import EXPERIMENT_ARN, Callers, callers
from registry_door import refused

from stepwell.base.documents import Document
from stepwell.services.registry import Site
from stepwell.store import folded_names, resources, trial_memberships


@pytest.fixture
def made(site: Site) -> Callers:
    return callers(site)


def test_a_component_is_shown_as_it_was_made(made: Callers) -> None:
    given = {
        "Status": {"PrimaryStatus": "InProgress", "Message": "on its way"},
        "StartTime": 1.5e9,
        "Parameters": {"depth": {"NumberValue": 3.0}, "loss": {"StringValue": "mse"}},
        "InputArtifacts": {"train": {"Value": "s3://b/t", "MediaType": "text/csv"}},
        "MetadataProperties": {"CommitId": "abc"},
    }
    answer = made.sagemaker("CreateTrialComponent", TrialComponentName="Fit", **given)
    assert answer == {"TrialComponentArn": f"{EXPERIMENT_ARN}-trial-component/Fit"}
    for reference in ("Fit", "fit", answer["TrialComponentArn"], answer["TrialComponentArn"].lower()):
        shown = made.component(reference)
        assert {name: shown[name] for name in given} == given
        assert (shown["TrialComponentName"], shown["OutputArtifacts"], shown["Metrics"]) == ("Fit", {}, [])


def test_an_arn_of_something_else_is_no_component(made: Callers) -> None:
    made.an_experiment()
    refused("ResourceNotFound", "does not exist", lambda: made.component(f"{EXPERIMENT_ARN}/e"))


def test_an_update_merges_maps_and_removes_last(made: Callers) -> None:
    made.sagemaker("CreateTrialComponent", TrialComponentName="c", Parameters={"old": {"NumberValue": 1.0}})
    made.sagemaker(
        "UpdateTrialComponent",
        TrialComponentName="c",
        Parameters={"foo": {"StringValue": "bar"}, "whizz": {"NumberValue": 100.1}},
        ParametersToRemove=["foo", "unknown"],
        OutputArtifacts={"fly": {"Value": "s3:/sky"}},
        Status={"PrimaryStatus": "Completed"},
    )
    made.sagemaker("UpdateTrialComponent", TrialComponentName="C", OutputArtifactsToRemove=["fly"], EndTime=2e9)
    shown = made.component("c")
    assert shown["Parameters"] == {"old": {"NumberValue": 1.0}, "whizz": {"NumberValue": 100.1}}
    assert (shown["OutputArtifacts"], shown["Status"]) == ({}, {"PrimaryStatus": "Completed"})
    assert shown["EndTime"] == 2e9


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"Parameters": {"p": {"NumberValue": math.nan}}}, "'p' must be a finite number, not nan."),
        ({"Parameters": {"p": {"NumberValue": "Infinity"}}}, "'p' must be a finite number, not inf."),
        ({"Parameters": {"p": {"NumberValue": 10**400}}}, "'p' must be a finite number, not 1000000"),
        ({"Parameters": {"p": {}}}, "'p' must have exactly one of StringValue and NumberValue."),
        ({"Parameters": {"p": {"NumberValue": 1.0, "StringValue": "1"}}}, "'p' must have exactly one of"),
        ({"StartTime": -1.0}, "StartTime must lie between the years 1970 and 9999."),
        ({"EndTime": 1e15}, "EndTime must lie between the years 1970 and 9999."),
        ({"Parameters": {str(n): {"NumberValue": 1.0} for n in range(301)}}, "length less than or equal to 300"),
        ({"Parameters": {"p": {"StringValue": "x" * 10_000_000}}}, "length less than or equal to 2500"),
        ({"InputArtifacts": {str(n): {"Value": "v"} for n in range(61)}}, "length less than or equal to 60"),
        ({"OutputArtifacts": {"o": {"Value": "v", "MediaType": "not one"}}}, "failed to satisfy constraint"),
        ({"DisplayName": "a b"}, "failed to satisfy constraint"),
    ],
)
def test_what_cannot_be_kept_is_refused_whole(made: Callers, given: Document, problem: str) -> None:
    refused(
        "ValidationException",
        problem,
        lambda: made.sagemaker("CreateTrialComponent", TrialComponentName="new", **given),
    )
    made.components("c")
    before = made.component("c")
    refused(
        "ValidationException",
        problem,
        lambda: made.sagemaker("UpdateTrialComponent", TrialComponentName="c", **given),
    )
    assert made.component("c") == before
    assert made.listed() == ["c"]


def test_a_time_in_the_future_is_kept(made: Callers) -> None:
    made.sagemaker("CreateTrialComponent", TrialComponentName="c", EndTime=4e9)
    assert made.component("c")["EndTime"] == 4e9


@pytest.mark.parametrize(("member", "most"), [("Parameters", 300), ("InputArtifacts", 60), ("OutputArtifacts", 60)])
def test_bounds_hold_for_the_whole_component(made: Callers, member: str, most: int) -> None:
    made.components("c")

    def put(first: int, count: int) -> None:
        value: Document = {"NumberValue": 1.0} if member == "Parameters" else {"Value": "s3://b/k"}
        values = {f"{number}": value for number in range(first, first + count)}
        made.sagemaker("UpdateTrialComponent", TrialComponentName="c", **{member: values})

    put(0, most)
    put(0, most)  # the same names again
    refused("ValidationException", f"at most {most} {member}; it would have {most + 1}", lambda: put(most, 1))
    assert len(made.component("c")[member]) == most


def test_components_are_listed_by_trial_experiment_or_not_at_all(made: Callers) -> None:
    made.an_experiment("t", "u")
    made.components("b", "c", "a", trial="t")
    made.sagemaker("AssociateTrialComponent", TrialComponentName="b", TrialName="u")
    made.components("other")
    assert made.listed(TrialName="t", SortBy="Name", SortOrder="Ascending") == ["a", "b", "c"]
    assert made.listed(TrialName="T", SortOrder="Ascending") == ["b", "c", "a"]
    assert made.listed(TrialName="u") == ["b"]
    assert made.listed(ExperimentName="e") == ["a", "c", "b"]  # once, though b is in two trials
    assert made.listed(ExperimentName="E", MaxResults=1, SortBy="Name") == ["c", "b", "a"]
    assert made.listed(SortOrder="Ascending", MaxResults=3) == ["b", "c", "a", "other"]
    refused("ValidationException", "cannot be given together", lambda: made.listed(TrialName="t", ExperimentName="e"))


def test_lists_are_bounded_by_times(made: Callers) -> None:
    made.an_experiment("t")
    made.components("c", trial="t")
    moment = made.component("c")["CreationTime"]
    for owner in ({"TrialName": "t"}, {"ExperimentName": "e"}, {}):
        assert made.listed(**owner, CreatedAfter=moment - 1, CreatedBefore=moment + 1) == ["c"]
        assert made.listed(**owner, CreatedAfter=moment) == []
        assert made.listed(**owner, CreatedBefore=moment) == []


def test_a_token_of_somebody_else_is_refused(made: Callers) -> None:
    made.an_experiment("t")
    refused("ValidationException", "NextToken", lambda: made.listed(TrialName="t", NextToken="nonsense"))


def test_associating_twice_is_once_and_disassociating_twice_is_refused(made: Callers) -> None:
    made.an_experiment("t")
    made.components("c", trial="t")
    answer = made.sagemaker("AssociateTrialComponent", TrialComponentName="c", TrialName="t")
    assert answer == {
        "TrialComponentArn": f"{EXPERIMENT_ARN}-trial-component/c",
        "TrialArn": f"{EXPERIMENT_ARN}-trial/t",
    }
    assert made.listed(TrialName="t") == ["c"]
    made.sagemaker("DisassociateTrialComponent", TrialComponentName="c", TrialName="t")
    assert made.listed(TrialName="t") == []
    refused(
        "ResourceNotFound",
        "is not associated with Trial",
        lambda: made.sagemaker("DisassociateTrialComponent", TrialComponentName="c", TrialName="t"),
    )


@pytest.mark.parametrize("operation", ["AssociateTrialComponent", "DisassociateTrialComponent"])
def test_both_ends_of_an_association_must_exist(made: Callers, operation: str) -> None:
    made.an_experiment("t")
    made.components("c")
    refused(
        "ResourceNotFound", "component/x'", lambda: made.sagemaker(operation, TrialComponentName="x", TrialName="t")
    )
    refused("ResourceNotFound", "trial/x'", lambda: made.sagemaker(operation, TrialComponentName="c", TrialName="x"))


def test_the_parents_of_a_component_are_known(made: Callers) -> None:
    made.an_experiment("t", "u")
    made.components("c", trial="t")
    made.sagemaker("AssociateTrialComponent", TrialComponentName="c", TrialName="u")
    with made.site.database.read() as connection:
        row = folded_names.find(connection, resources.key(made.scope, "experiment-trial-component", "c"))
        assert row is not None
        found = [
            tuple(each.name for each in (resources.find_id(connection, row) for row in pair) if each)
            for pair in trial_memberships.parents(connection, row)
        ]
    assert found == [("t", "e"), ("u", "e")]
