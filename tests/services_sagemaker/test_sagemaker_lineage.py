"""Artifacts, actions, contexts, associations and lineage groups at the API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from registry_door import SageMaker, arn, opened, refused

from stepwell.base.documents import Document

SOURCE = {"SourceUri": "s3://b/data"}
NOUNS = ("Artifact", "Action", "Context")


@pytest.fixture
def sagemaker(tmp_path: Path) -> Iterator[SageMaker]:
    with opened(tmp_path) as call:
        yield call


def create(sagemaker: SageMaker, noun: str, name: str = "n", **more: object) -> str:
    request: Document = {f"{noun}Name": name, f"{noun}Type": "T", "Source": {"SourceUri": f"s3://b/{name}"}, **more}
    return str(sagemaker(f"Create{noun}", **request)[f"{noun}Arn"])


def named(noun: str, of: str) -> Document:
    """How a request names it: artifacts by ARN."""
    return {"ArtifactArn": of} if noun == "Artifact" else {f"{noun}Name": of.rpartition("/")[2]}


@pytest.mark.parametrize("noun", NOUNS)
class TestEveryNoun:
    def test_what_was_created_is_described(self, sagemaker: SageMaker, noun: str) -> None:
        made = create(sagemaker, noun, Properties={"k": "v"}, Tags=[{"Key": "a", "Value": "b"}])
        found = sagemaker(f"Describe{noun}", **named(noun, made))
        assert found[f"{noun}Arn"] == made
        assert (found[f"{noun}Name"], found[f"{noun}Type"]) == ("n", "T")
        assert (found["Source"], found["Properties"]) == ({"SourceUri": "s3://b/n"}, {"k": "v"})
        assert found["CreatedBy"]["IamIdentity"]["Arn"].endswith("tester")
        assert found["LineageGroupArn"] == arn("lineage-group/sagemaker-default-lineage-group")
        assert found["CreationTime"] == found["LastModifiedTime"]
        assert "Tags" not in found
        assert sagemaker("ListTags", ResourceArn=made)["Tags"] == [{"Key": "a", "Value": "b"}]

    def test_one_that_stands_cannot_be_created(self, sagemaker: SageMaker, noun: str) -> None:
        create(sagemaker, noun)
        for words in ("must be unique within an AWS account and region", "already exists"):
            refused("ValidationException", words, lambda: create(sagemaker, noun))

    def test_properties_are_merged_and_removed(self, sagemaker: SageMaker, noun: str) -> None:
        made = create(sagemaker, noun, Properties={"a": "1", "b": "2"})
        answer = sagemaker(f"Update{noun}", **named(noun, made), Properties={"c": "3"}, PropertiesToRemove=["a", "z"])
        assert answer == {f"{noun}Arn": made}
        found = sagemaker(f"Describe{noun}", **named(noun, made))
        assert found["Properties"] == {"b": "2", "c": "3"}
        assert found["LastModifiedTime"] >= found["CreationTime"]
        assert "LastModifiedBy" in found

    def test_there_are_no_more_properties_than_thirty(self, sagemaker: SageMaker, noun: str) -> None:
        many = {str(number): "v" for number in range(30)}
        made = create(sagemaker, noun, Properties=many)
        refused(
            "ValidationException",
            "at most 30",
            lambda: sagemaker(f"Update{noun}", **named(noun, made), Properties={"one": "more"}),
        )
        refused(
            "ValidationException",
            "less than or equal to 30",
            lambda: create(sagemaker, noun, "other", Properties={**many, "one": "more"}),
        )
        sagemaker(f"Update{noun}", **named(noun, made), Properties={"one": "more"}, PropertiesToRemove=["0"])

    def test_one_that_is_associated_cannot_be_deleted(self, sagemaker: SageMaker, noun: str) -> None:
        made, other = create(sagemaker, noun), create(sagemaker, "Action", "other")
        sagemaker("AddAssociation", SourceArn=other, DestinationArn=made)
        refused("ValidationException", "associations", lambda: sagemaker(f"Delete{noun}", **named(noun, made)))
        sagemaker("DeleteAssociation", SourceArn=other, DestinationArn=made)
        assert sagemaker(f"Delete{noun}", **named(noun, made)) == {f"{noun}Arn": made}
        refused(
            "ResourceNotFound",
            f"{noun} '{made}' does not exist.",
            lambda: sagemaker(f"Describe{noun}", **named(noun, made)),
        )
        refused("ResourceNotFound", made, lambda: sagemaker(f"Delete{noun}", **named(noun, made)))
        refused("ResourceNotFound", made, lambda: sagemaker("AddAssociation", SourceArn=other, DestinationArn=made))
        create(sagemaker, noun)  # and nothing of it is left

    def test_lists_are_filtered_sorted_and_paged(self, sagemaker: SageMaker, noun: str) -> None:
        made = [create(sagemaker, noun, name) for name in ("b", "a", "c")]
        create(sagemaker, noun, "other", **{f"{noun}Type": "Other"})
        summaries, request = f"{noun}Summaries", {f"{noun}Type": "T", "MaxResults": 2}
        first = sagemaker(f"List{noun}s", **request)
        second = sagemaker(f"List{noun}s", **request, NextToken=first["NextToken"])
        found = [each[f"{noun}Arn"] for page in (first, second) for each in page[summaries]]
        assert found == made[::-1]
        assert "NextToken" not in second
        oldest = sagemaker(f"List{noun}s", SortBy="CreationTime", SortOrder="Ascending", MaxResults=1)
        assert [each[f"{noun}Arn"] for each in oldest[summaries]] == made[:1]
        (only,) = sagemaker(f"List{noun}s", SourceUri="s3://b/a")[summaries]
        assert (only[f"{noun}Name"], only["Source"]) == ("a", {"SourceUri": "s3://b/a"})
        assert set(only) - {"Status"} == {
            f"{noun}Arn", f"{noun}Name", "Source", f"{noun}Type", "CreationTime", "LastModifiedTime",
        }  # fmt: skip
        assert sagemaker(f"List{noun}s", SourceUri="s3://b/none")[summaries] == []
        assert sagemaker(f"List{noun}s", CreatedAfter=4e9)[summaries] == []

    def test_what_belongs_to_others_is_not_found(self, sagemaker: SageMaker, noun: str) -> None:
        made = create(sagemaker, noun)
        if noun == "Artifact":
            elsewhere = made.replace("eu-west-1", "us-east-1")
            refused("ResourceNotFound", elsewhere, lambda: sagemaker("DescribeArtifact", ArtifactArn=elsewhere))
        else:
            found = sagemaker(f"Describe{noun}", **{f"{noun}Name": made})
            assert found[f"{noun}Name"] == "n"


def test_names_that_differ_in_case_are_two(sagemaker: SageMaker) -> None:
    assert create(sagemaker, "Context", "Group") != create(sagemaker, "Context", "group")
    assert sagemaker("DescribeContext", ContextName="Group")["ContextName"] == "Group"


def test_the_status_of_an_action(sagemaker: SageMaker) -> None:
    create(sagemaker, "Action", "plain")
    create(sagemaker, "Action", "begun", Status="InProgress")
    sagemaker("UpdateAction", ActionName="begun", Status="Completed", Description="done")
    shown = {each["ActionName"]: each["Status"] for each in sagemaker("ListActions")["ActionSummaries"]}
    assert shown == {"plain": "Unknown", "begun": "Completed"}
    assert sagemaker("DescribeAction", ActionName="begun")["Description"] == "done"
    by_name = sagemaker("ListActions", SortBy="Name", SortOrder="Ascending")["ActionSummaries"]
    assert [each["ActionName"] for each in by_name] == ["begun", "plain"]


class TestArtifacts:
    def test_two_of_one_source_cannot_be(self, sagemaker: SageMaker) -> None:
        tagged = {**SOURCE, "SourceTypes": [{"SourceIdType": "S3ETag", "Value": "1"}]}
        other = {**SOURCE, "SourceTypes": [{"SourceIdType": "S3ETag", "Value": "2"}]}
        arns = {
            sagemaker("CreateArtifact", ArtifactType="T", Source=source)["ArtifactArn"]
            for source in (SOURCE, tagged, other)
        }
        assert len(arns) == 3
        assert all(len(each.rpartition("/")[2]) == 32 for each in arns)
        refused(
            "ValidationException",
            "already exists",
            lambda: sagemaker("CreateArtifact", ArtifactType="Other", ArtifactName="x", Source=other),
        )

    def test_one_without_a_name_has_none(self, sagemaker: SageMaker) -> None:
        made = sagemaker("CreateArtifact", ArtifactType="T", Source=SOURCE)["ArtifactArn"]
        assert "ArtifactName" not in sagemaker("DescribeArtifact", ArtifactArn=made)
        sagemaker("UpdateArtifact", ArtifactArn=made, ArtifactName="named")
        assert sagemaker("ListArtifacts")["ArtifactSummaries"][0]["ArtifactName"] == "named"

    def test_one_is_deleted_by_its_source(self, sagemaker: SageMaker) -> None:
        made = create(sagemaker, "Artifact")
        refused("ValidationException", "Exactly one", lambda: sagemaker("DeleteArtifact"))
        refused("ResourceNotFound", "s3://b/data", lambda: sagemaker("DeleteArtifact", Source=SOURCE))
        assert sagemaker("DeleteArtifact", Source={"SourceUri": "s3://b/n"}) == {"ArtifactArn": made}

    def test_one_needs_a_source(self, sagemaker: SageMaker) -> None:
        refused("ValidationException", "source", lambda: sagemaker("CreateArtifact", ArtifactType="T"))
        refused("ValidationException", "sourceUri", lambda: sagemaker("CreateArtifact", ArtifactType="T", Source={}))

    def test_ten_megabytes_of_properties_are_refused(self, sagemaker: SageMaker) -> None:
        refused(
            "ValidationException", "4096", lambda: create(sagemaker, "Artifact", Properties={"k": "v" * (10 << 20)})
        )
        assert sagemaker("ListArtifacts")["ArtifactSummaries"] == []


class TestAssociations:
    @pytest.fixture
    def arns(self, sagemaker: SageMaker) -> list[str]:
        return [create(sagemaker, noun) for noun in NOUNS]

    def test_they_say_what_they_join(self, sagemaker: SageMaker, arns: list[str]) -> None:
        joined = {"SourceArn": arns[0], "DestinationArn": arns[1]}
        assert sagemaker("AddAssociation", **joined, AssociationType="ContributedTo") == joined
        (found,) = sagemaker("ListAssociations", SourceArn=arns[0])["AssociationSummaries"]
        assert found.pop("CreationTime") > 0
        assert found == {
            **joined,
            "SourceType": "T", "DestinationType": "T", "AssociationType": "ContributedTo",
            "SourceName": "n", "DestinationName": "n",
        }  # fmt: skip

    def test_an_association_without_a_type_shows_none(self, sagemaker: SageMaker, arns: list[str]) -> None:
        sagemaker("AddAssociation", SourceArn=arns[0], DestinationArn=arns[1])
        (found,) = sagemaker("ListAssociations")["AssociationSummaries"]
        assert "AssociationType" not in found

    @pytest.mark.parametrize(
        ("request_", "expected"),
        [
            ({}, [(2, 0), (1, 2), (0, 1)]),
            ({"SortOrder": "Ascending"}, [(0, 1), (1, 2), (2, 0)]),
            ({"SourceArn": 1}, [(1, 2)]),
            ({"DestinationArn": 0}, [(2, 0)]),
            ({"SourceArn": 1, "DestinationArn": 0}, []),
            ({"AssociationType": "Produced"}, [(1, 2)]),
            ({"SourceType": "T", "DestinationType": "none"}, []),
            ({"CreatedAfter": 4e9}, []),
            ({"CreatedBefore": 4e9, "SortBy": "SourceArn", "SortOrder": "Ascending"}, [(1, 2), (0, 1), (2, 0)]),
        ],
    )
    def test_lists(
        self, sagemaker: SageMaker, arns: list[str], request_: Document, expected: list[tuple[int, int]]
    ) -> None:
        for source, destination in ((0, 1), (1, 2), (2, 0)):
            more = {"AssociationType": "Produced"} if source == 1 else {}
            sagemaker("AddAssociation", SourceArn=arns[source], DestinationArn=arns[destination], **more)
        asked = {name: arns[value] if name.endswith("Arn") else value for name, value in request_.items()}
        found: list[Document] = []
        token: Document = {}
        while True:
            page = sagemaker("ListAssociations", **asked, **token, MaxResults=1)
            found += page["AssociationSummaries"]
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}
        ends = [(each["SourceArn"], each["DestinationArn"]) for each in found]
        assert ends == [(arns[a], arns[b]) for a, b in expected]

    def test_two_of_one_pair_cannot_be_but_back_again_can(self, sagemaker: SageMaker, arns: list[str]) -> None:
        sagemaker("AddAssociation", SourceArn=arns[0], DestinationArn=arns[1])
        sagemaker("AddAssociation", SourceArn=arns[1], DestinationArn=arns[0])
        for words in ("must be unique", "already exists"):
            refused(
                "ValidationException",
                words,
                lambda: sagemaker(
                    "AddAssociation", SourceArn=arns[0], DestinationArn=arns[1], AssociationType="Produced"
                ),
            )

    def test_what_cannot_be_joined(self, sagemaker: SageMaker, arns: list[str]) -> None:
        for name in ("one", "two"):
            sagemaker("CreateTrialComponent", TrialComponentName=name)
        components = [arn(f"experiment-trial-component/{name}") for name in ("one", "two")]
        sagemaker("AddAssociation", SourceArn=components[0], DestinationArn=arns[0])
        cases = [
            (arns[0], arns[0], "ValidationException", "two entities"),
            (components[0], components[1], "ValidationException", "between two experiment entities"),
            (arn("artifact/none"), arns[0], "ResourceNotFound", f"Artifact '{arn('artifact/none')}' does not exist."),
            (arns[0], arn("experiment-trial-component/none"), "ResourceNotFound", "TrialComponent '"),
            (arn("experiment/none"), arns[0], "ResourceNotFound", "Experiment '"),
            (arns[0], arns[1].replace("123456789012", "210987654321"), "ResourceNotFound", "Action '"),
        ]
        for source, destination, code, words in cases:
            refused(
                code,
                words,
                lambda pair=(source, destination): sagemaker(  # type: ignore[misc]
                    "AddAssociation", SourceArn=pair[0], DestinationArn=pair[1]
                ),
            )
        refused(
            "ResourceNotFound",
            "Association from",
            lambda: sagemaker("DeleteAssociation", SourceArn=arns[0], DestinationArn=arns[1]),
        )
        refused(
            "ValidationException", "pattern", lambda: sagemaker("AddAssociation", SourceArn="x", DestinationArn="y")
        )

    def test_a_component_that_goes_takes_its_associations(self, sagemaker: SageMaker, arns: list[str]) -> None:
        sagemaker("CreateTrialComponent", TrialComponentName="Mixed")
        sagemaker("AddAssociation", SourceArn=arn("experiment-trial-component/mixed"), DestinationArn=arns[0])
        sagemaker("DeleteTrialComponent", TrialComponentName="Mixed")
        assert sagemaker("ListAssociations")["AssociationSummaries"] == []
        sagemaker("DeleteArtifact", ArtifactArn=arns[0])


def test_the_lineage_group_comes_with_the_first_entity(sagemaker: SageMaker) -> None:
    name = "sagemaker-default-lineage-group"
    assert sagemaker("ListLineageGroups") == {"LineageGroupSummaries": []}
    refused("ResourceNotFound", "LineageGroup '", lambda: sagemaker("DescribeLineageGroup", LineageGroupName=name))
    create(sagemaker, "Action")
    create(sagemaker, "Context")
    (found,) = sagemaker("ListLineageGroups")["LineageGroupSummaries"]
    assert found == sagemaker("DescribeLineageGroup", LineageGroupName=name)
    assert (found["LineageGroupName"], found["LineageGroupArn"]) == (name, arn(f"lineage-group/{name}"))
    for reference in (name, found["LineageGroupArn"]):
        refused(
            "ResourceNotFound",
            "policy",
            lambda given=reference: sagemaker("GetLineageGroupPolicy", LineageGroupName=given),  # type: ignore[misc]
        )
