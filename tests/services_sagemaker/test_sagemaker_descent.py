"""How something was made, and what descends from data: over rows, manifests and objects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from garbage_world import SCOPE, World

from stepwell.base import clock
from stepwell.base.arn import Scope
from stepwell.base.faults import Fault
from stepwell.cli import blame_lines, recall
from stepwell.services.sagemaker import descendants, lineage_pictures, lineage_subjects, origins
from stepwell.services.sagemaker.descendants import Moment, Recall
from stepwell.services.sagemaker.lineage_subjects import Content, JobNamed, Package, Place
from stepwell.services.sagemaker.origins import Origin
from stepwell.store import resources, steps, tags
from stepwell.store.resources import Resource
from stepwell.store.steps import Step

HOUR = 3600.0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Data, prepared, trained upon and registered; each an hour after the other."""
    made = World(tmp_path)
    made.put("raw", b"raw")
    for read, written in (("raw", "clean"), ("clean", "model")):
        made.end(made.start([read]), {written: f"{written} of raw".encode()})
        made.pass_time(HOUR)
    made.register("model")
    yield made
    made.close()


def blamed(world: World, text: str) -> Origin:
    with world.database.read() as connection:
        subject = lineage_subjects.find(connection, SCOPE, text)
        assert not isinstance(subject, Content)
        return origins.of(connection, world.blobs, subject)


def recalled(world: World, text: str, moment: Moment = "now") -> Recall:
    with world.database.read() as connection:
        return descendants.of(connection, lineage_subjects.find(connection, SCOPE, text), moment)


def names(found: Recall) -> list[str]:
    return [each.arn.rpartition("/")[2] for each in found.jobs]


def test_a_package_leads_to_the_job_that_made_its_model(world: World) -> None:
    found = blamed(world, "g")
    assert found.package is not None
    (model,) = found.package.models
    assert (model.now, model.maker and model.maker.arn) == ("same", SCOPE.arn("sagemaker", "training-job/j2"))
    (job,) = found.jobs
    (read,) = job.read
    assert read.maker is not None
    assert (read.uri, read.maker.arn, read.maker.is_there) == (
        "s3://b/clean",
        SCOPE.arn("sagemaker", "training-job/j1"),
        True,
    )


@pytest.mark.parametrize(
    ("change", "now", "is_kept", "words"),
    [
        ("nothing", "same", True, "unchanged"),
        ("replace", "changed", True, "CHANGED SINCE"),
        ("delete", "gone", True, "DELETED SINCE; these bytes are kept"),
        ("collect", "gone", False, "DELETED SINCE; these bytes are gone"),
    ],
)
def test_whether_it_still_is_what_the_job_read(
    world: World, change: str, now: str, is_kept: bool, words: str
) -> None:
    blob = world.lying["raw"]
    if change == "replace":
        world.put("raw", b"other")
    if change in ("delete", "collect"):
        world.delete("raw")
    if change == "collect":
        world.blobs.remove(blob, clock.now() + 1)
    found = blamed(world, "j1")
    (read,) = found.jobs[0].read
    assert (read.now, read.is_kept) == (now, is_kept)
    assert words in "\n".join(blame_lines.lines(found))


def test_an_object_that_was_deleted_is_told_of_by_who_wrote_it(world: World) -> None:
    world.delete("clean")
    found = blamed(world, "s3://b/clean")
    (told,) = found.objects
    assert told.now == "gone"
    assert [job.arn.rpartition("/")[2] for job in found.jobs] == ["j1"]


def test_a_copy_is_told_as_one(world: World) -> None:
    world.copy("model", "deployed")
    world.arrive()
    text = "\n".join(blame_lines.lines(blamed(world, "s3://b/deployed")))
    assert "a copy: the same bytes were made elsewhere by training-job/j2" in text


def test_nobody_made_it(world: World) -> None:
    (told,) = blamed(world, "s3://b/raw").objects
    assert told.maker is not None
    assert (told.maker.arn, told.maker.moment is not None) == ("", True)
    assert blamed(world, "s3://b/never") == Origin()
    assert blamed(world, "s3://typo/never") == Origin()


def test_everything_that_descends(world: World) -> None:
    found = recalled(world, "s3://b/raw")
    assert names(found) == ["j1", "j2"]
    (package,) = found.packages
    assert (package.part, package.through) == ("model", SCOPE.arn("sagemaker", "training-job/j2"))
    assert names(recalled(world, "j1")) == ["j2"]
    assert names(recalled(world, "g")) == []
    assert names(recalled(world, "s3://b/model")) == []
    assert "holds these very bytes" in "\n".join(recall.lines(recalled(world, "s3://b/model")))


def test_by_bytes_and_not_by_place(world: World) -> None:
    first = world.lying["raw"]
    copied = world.start([])
    world.copy("raw", "elsewhere")
    world.arrive()
    world.end(copied, {})
    world.end(world.start(["elsewhere"]), {})
    world.put("raw", b"other")
    world.end(world.start(["raw"]), {})
    assert names(recalled(world, "s3://b/raw")) == ["j6"]
    assert recalled(world, "s3://b/raw").others == (1, 2)
    assert names(recalled(world, "s3://b/raw", "ever")) == ["j1", "j2", "j5", "j6"]
    assert names(recalled(world, first[:10])) == ["j1", "j2", "j5"]
    assert names(recalled(world, "s3://b/raw", clock.now() - HOUR / 2)) == ["j1", "j2", "j5"]
    assert names(recalled(world, "s3://b/raw", clock.now() - 9 * HOUR)) == []


def test_nothing_descends(world: World) -> None:
    world.put("lonely", b"lonely")
    found = recalled(world, "s3://b/lonely")
    assert list(recall.lines(found))[-1] == "Nothing descends from it."
    assert recalled(world, "s3://b/never").data == ()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("j1", JobNamed),
        ("arn:aws:sagemaker:eu-west-1:123456789012:training-job/j1", JobNamed),
        ("g/3", Package),
        ("g", Package),
        ("arn:aws:sagemaker:eu-west-1:123456789012:model-package/g/3", Package),
        ("s3://b", Place),
        ("deadbeef", Content),
    ],
)
def test_what_a_text_names(world: World, text: str, kind: type) -> None:
    with world.database.read() as connection:
        assert isinstance(lineage_subjects.find(connection, SCOPE, text), kind)


def test_a_name_of_another_region_is_found(world: World) -> None:
    with world.database.read() as connection:
        found = lineage_subjects.find(connection, Scope("123456789012", "us-west-2"), "j1")
    assert isinstance(found, JobNamed)
    assert found.arn == SCOPE.arn("sagemaker", "training-job/j1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("jj1", "Did you mean 'j1'"),
        ("nonsense", "Name an ARN"),
        ("s3://", "names no bucket"),
        ("arn:aws:s3:::b", "no ARN of SageMaker"),
        ("arn:aws:sagemaker:eu-west-1:123456789012:training-job/x", "does not exist"),
        ("deadbee", "there is no job"),
    ],
)
def test_what_names_nothing(world: World, text: str, message: str) -> None:
    with world.database.read() as connection, pytest.raises(Fault, match=message):
        lineage_subjects.find(connection, SCOPE, text)


def test_no_picture_of_what_left_no_lineage(world: World) -> None:
    with world.database.read() as connection:
        for text in ("j1", "s3://b/raw", "g/3", "deadbeef"):
            with pytest.raises(Fault):
                lineage_pictures.of(connection, SCOPE, text, "Both", 3)


def test_names_cannot_steer_the_terminal(world: World) -> None:
    world.put("a\x1b[31mred", b"red")
    assert not any("\x1b" in line for line in blame_lines.lines(blamed(world, "s3://b/a\x1b[31mred")))
    assert not any("\x1b" in line for line in recall.lines(recalled(world, "s3://b/a\x1b[31mred")))


def test_the_step_and_who_started_it(world: World) -> None:
    job, run = SCOPE.arn("sagemaker", "training-job/j2"), SCOPE.arn("sagemaker", "pipeline/churn/execution/abc")
    document = {"Parameters": {"Depth": 3}, "CreatedBy": {"IamIdentity": {"Arn": "arn:aws:iam::1:user/ada"}}}
    key = resources.key(SCOPE, "pipeline-execution", "abc", "churn")
    with world.database.write() as transaction:
        resources.add(transaction, Resource(key, "Succeeded", 0.0, 0.0, document))
        tags.put(transaction, job, {origins.EXECUTION_TAG: run})
        steps.save(transaction, Step(run, "Other", "Succeeded", 1, 0.0, metadata={"Condition": {"Outcome": "True"}}))
        steps.save(transaction, Step(run, "Train", "Succeeded", 1, 0.0, metadata={"TrainingJob": {"Arn": job}}))
    (found,) = blamed(world, "j2").jobs
    assert (found.step, found.execution, found.started_by) == ("Train", run, "arn:aws:iam::1:user/ada")
    assert found.parameters == {"Depth": 3}
    (model,) = blamed(world, "s3://b/model").objects
    assert model.maker is not None
    assert model.maker.step == "Train"
