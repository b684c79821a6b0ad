"""Property paths against output shapes, and how list operations are paged."""

from __future__ import annotations

import pytest

from stepwell.spec import models, paths
from stepwell.spec.paging import Paging, paging

TRAINING_JOB = models.operation("sagemaker", "DescribeTrainingJob").output_shape
PROCESSING_JOB = models.operation("sagemaker", "DescribeProcessingJob").output_shape
assert TRAINING_JOB is not None
assert PROCESSING_JOB is not None


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("", ()),
        ("A", ("A",)),
        ("A.B[0]['k']", ("A", "B", 0, "k")),
        ('A["k.x"].B', ("A", "k.x", "B")),
        ("A['']", ("A", "")),
        ("A[10][2]", ("A", 10, 2)),
    ],
)
def test_paths_are_read(path: str, parts: tuple[paths.Part, ...]) -> None:
    assert paths.parse(path) == parts


@pytest.mark.parametrize("path", [".A", "A..B", "A[", "A[x]", "A[-1]", "A]", "A B", "A.", "A['k"])
def test_broken_paths_are_refused(path: str) -> None:
    with pytest.raises(paths.PathError, match="is no property path"):
        paths.parse(path)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("ModelArtifacts.S3ModelArtifacts", "string"),
        ("FinalMetricDataList[0].Value", "float"),
        ("HyperParameters['eta']", "string"),
        ("ResourceConfig.InstanceCount", "integer"),
        ("ModelArtifacts", "structure"),
        ("CreationTime", "timestamp"),
    ],
)
def test_what_stands_at_a_path(path: str, kind: str) -> None:
    assert paths.follow(TRAINING_JOB, path).kind == kind


def test_parts_may_be_given() -> None:
    found = paths.follow(PROCESSING_JOB, ("ProcessingOutputConfig", "Outputs", 0, "S3Output", "S3Uri"))
    assert found.name == "S3Uri"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("ModelArtefacts", "DescribeTrainingJobResponse has no member 'ModelArtefacts'. Nearest: ModelArtifacts."),
        ("ModelArtifacts.Uri", "ModelArtifacts has no member 'Uri'. Members: S3ModelArtifacts."),
        ("FinalMetricDataList.Value", "FinalMetricDataList is a list: it has positions, not the name 'Value'"),
        ("ModelArtifacts[0]", "ModelArtifacts is a structure: it has names, not the position 0"),
        ("RoleArn.X", "RoleArn is a string: nothing stands below it, so not 'X'"),
        (
            "FinalMetricDataList[3].Valeu",
            "FinalMetricDataList[3] has no member 'Valeu'. Nearest: Value.",
        ),
    ],
)
def test_a_path_that_leads_nowhere_says_where_it_ends(path: str, text: str) -> None:
    with pytest.raises(paths.PathError) as caught:
        paths.follow(TRAINING_JOB, path)
    assert str(caught.value) == text


def test_many_names_are_cut() -> None:
    assert paths.nearest("zzzzzz", [f"Name{n}" for n in range(20)]).endswith("Name11, ….")


def test_paging_of_a_list() -> None:
    assert paging("sagemaker", "ListPipelines") == Paging(
        results=("PipelineSummaries",),
        input_tokens=("NextToken",),
        output_tokens=("NextToken",),
        limit="MaxResults",
        smallest=1,
        largest=100,
    )


def test_paging_by_several_members() -> None:
    found = paging("s3", "ListObjectVersions")
    assert found is not None
    assert found.results == ("Versions", "DeleteMarkers", "CommonPrefixes")
    assert found.input_tokens == ("KeyMarker", "VersionIdMarker")
    assert found.largest is None


def test_what_is_not_paged() -> None:
    assert paging("sagemaker", "DescribePipeline") is None
    with pytest.raises(models.UnknownOperationError):
        paging("sagemaker", "ListNothing")
