"""What has to run to make something again, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from stepwell.machines import reproduction
from stepwell.machines.reproduction import Held, NotedJob, Target, chosen_maker, plan, seeds


def held(key: str, blob: str = "", channel: str = "train") -> Held:
    return Held(channel, "bucket", key, 1, blob or key)


def job(
    name: str, ended: float = 1.0, reads: Sequence[Held] = (), writes: Sequence[Held] = (), **given: Any
) -> NotedJob:
    return NotedJob(
        f"arn:{name}", "training-job", name, "Completed", 0.0, ended, given, {}, "env", tuple(reads), tuple(writes)
    )


RAW, TABLE, MODEL, PACKED = held("raw"), held("table"), held("model"), held("packed")
PREPARE = job("prepare", 1.0, [RAW], [TABLE])
TRAIN = job("train", 2.0, [TABLE], [MODEL])
REPACK = job("repack", 3.0, [MODEL], [PACKED], HyperParameters={"sagemaker_program": '"_repack_script_launcher.sh"'})
ALL = (REPACK, TRAIN, PREPARE)
REPACK_3 = job("repack", 3.0, [MODEL, held("code/_repack_model.py")], [PACKED])


def makers(readers: Sequence[NotedJob]) -> dict[str, list[NotedJob]]:
    return {reader.arn: [each for each in ALL if set(each.outputs) & set(reader.inputs)] for reader in readers}


@pytest.mark.parametrize(
    ("last", "whole", "names"),
    [
        (TRAIN, False, ["train"]),
        (TRAIN, True, ["prepare", "train"]),
        (PREPARE, True, ["prepare"]),
        (REPACK, False, ["train", "repack"]),
        (REPACK, True, ["prepare", "train", "repack"]),
        (REPACK_3, False, ["train", "repack"]),
    ],
)
def test_which_jobs_run(last: NotedJob, whole: bool, names: list[str]) -> None:
    found = plan(Target("x", "job", (), (last.arn,)), [last], makers, whole=whole)
    assert [each.name for each in found.jobs] == names


def test_makers_come_first_whenever_they_ended() -> None:
    late = replace(PREPARE, ended=9.0)
    found = plan(
        Target("x", "job", (), (TRAIN.arn,)),
        [TRAIN],
        lambda jobs: {each.arn: [late] for each in jobs if each is TRAIN},
        whole=True,
    )
    assert [each.name for each in found.jobs] == ["prepare", "train"]


def test_jobs_that_made_each_other_do_not_go_on_for_ever() -> None:
    one, other = job("one", 1.0, [TABLE], [MODEL]), job("other", 2.0, [MODEL], [TABLE])
    pairs = {one.arn: [other], other.arn: [one]}
    found = plan(
        Target("x", "job", (), (one.arn,)),
        [one],
        lambda jobs: {each.arn: pairs[each.arn] for each in jobs},
        whole=True,
    )
    assert {each.name for each in found.jobs} == {"one", "other"}


def test_what_is_made_anew_need_not_be_there() -> None:
    found = plan(Target("x", "job", (), (TRAIN.arn,)), [TRAIN], makers, whole=True)
    assert [(reader.name, each.key) for reader, each in found.needed()] == [("prepare", "raw")]
    assert found.made_again(TRAIN) == {TABLE: PREPARE.arn}
    alone = plan(found.target, [TRAIN], makers, whole=False)
    assert [(reader.name, each.key) for reader, each in alone.needed()] == [("train", "table")]


def test_other_bytes_at_the_same_place_are_not_made_anew() -> None:
    reader = replace(TRAIN, inputs=(held("table", "overwritten"),))
    found = reproduction.Plan(Target("x", "job", (), (reader.arn,)), (PREPARE, reader))
    assert found.made_again(reader) == {}


@pytest.mark.parametrize(
    ("ends", "chosen"), [((1.0, 2.0), 1), ((2.0, 1.0), 0), ((1.0, 9.0), 0), ((8.0, 9.0), None), ((), None)]
)
def test_the_last_writer_before_the_reader_is_the_maker(ends: tuple[float, ...], chosen: int | None) -> None:
    writers = [job(f"w{number}", end) for number, end in enumerate(ends)]
    found = chosen_maker(writers, job("reader", 5.0))
    assert found == (None if chosen is None else writers[chosen])


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"HyperParameters": {"seed": "7"}}, {"seed": "7"}),
        ({"HyperParameters": {"random_state": "0"}}, {"random_state": "0"}),
        ({"HyperParameters": {"seed_everything": '"1"'}}, {"seed_everything": "1"}),
        ({"HyperParameters": {"proceed": "1", "speed": "2", "seeded": "3"}}, {"seeded": "3"}),
        ({"HyperParameters": {"depth": "7"}}, {}),
        ({"Environment": {"PYTHONHASHSEED": "0"}}, {"PYTHONHASHSEED": "0"}),
        ({"AppSpecification": {"ContainerArguments": ["--seed", "3", "--rows=4"]}}, {"seed": "3"}),
        ({"AppSpecification": {"ContainerArguments": ["--random-state=3"]}}, {"random-state": "3"}),
    ],
)
def test_what_looks_like_a_seed(given: dict[str, Any], found: dict[str, str]) -> None:
    assert seeds(job("x", **given)) == found


def test_the_request_of_the_new_run() -> None:
    given: dict[str, Any] = {
        "ResourceConfig": {"InstanceCount": 1, "KeepAlivePeriodInSeconds": 60},
        "ExperimentConfig": {"ExperimentName": "e"},
        "RoleArn": "role",
    }
    assert reproduction.again(job("x", **given)) == {
        "ResourceConfig": {"InstanceCount": 1},
        "ExperimentConfig": {"ExperimentName": "e"},
        "RoleArn": "role",
    }


def test_every_bucket_of_a_request_is_found() -> None:
    request = {"a": ["s3://one/k", {"b": "s3://two"}], "c": '"s3://three/x"', "d": "https://no", "e": 5}
    assert list(reproduction.buckets(request)) == ["one", "two", "three"]


@pytest.mark.parametrize(
    ("uris", "uri", "counts"),
    [
        ((), "s3://b/any", True),
        (("s3://b/m",), "s3://b/m", True),
        (("s3://b/m/",), "s3://b/m/inner", True),
        (("s3://b/m",), "s3://b/model", False),
    ],
)
def test_what_counts_of_the_outputs(uris: tuple[str, ...], uri: str, counts: bool) -> None:
    assert Target("x", "job", uris, ()).counts(uri) is counts
