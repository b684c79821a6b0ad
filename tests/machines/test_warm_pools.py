"""Warm pools: which jobs fit in which, what is kept, and how a job goes through being warm."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stepwell.machines import job_progress, warm_pools
from stepwell.machines.job import Clean, Cleaned, Erase, IllegalMove, Job, Uploaded, decide, evolve
from stepwell.machines.job_outcomes import PLATFORM_FAILED, Verdict

COMPLETED = Verdict("Completed")
POOL: dict[str, Any] = {
    "RoleArn": "arn:aws:iam::123456789012:role/R",
    "ResourceConfig": {
        "InstanceType": "ml.m5.large",
        "InstanceCount": 1,
        "VolumeSizeInGB": 30,
        "KeepAlivePeriodInSeconds": 60,
    },
    "VpcConfig": {"SecurityGroupIds": ["a", "b"], "Subnets": ["s"]},
    "EnableNetworkIsolation": False,
    "EnableInterContainerTrafficEncryption": False,
}


def other(**changes: Any) -> dict[str, Any]:
    config = {**POOL["ResourceConfig"], **changes.pop("ResourceConfig", {})}
    return {**POOL, "ResourceConfig": {k: v for k, v in config.items() if v is not None}, **changes}


@pytest.mark.parametrize(
    "job",
    [
        other(),
        other(ResourceConfig={"KeepAlivePeriodInSeconds": None}),
        other(AlgorithmSpecification={"TrainingImage": "another"}, HyperParameters={"a": "b"}),
        other(VpcConfig={"SecurityGroupIds": ["b", "a"], "Subnets": ["s"]}),
        {k: v for k, v in POOL.items() if not k.startswith("Enable")},
    ],
)
def test_jobs_that_fit(job: dict[str, Any]) -> None:
    assert warm_pools.fits(POOL, job)


@pytest.mark.parametrize(
    "job",
    [
        other(RoleArn="arn:aws:iam::123456789012:role/Another"),
        other(ResourceConfig={"InstanceCount": 2}),
        other(ResourceConfig={"InstanceType": "ml.m5.xlarge"}),
        other(ResourceConfig={"VolumeSizeInGB": 31}),
        other(ResourceConfig={"VolumeKmsKeyId": "key"}),
        other(ResourceConfig={"InstanceType": None, "InstanceGroups": [{}]}),
        other(VpcConfig={"SecurityGroupIds": ["a"], "Subnets": ["s"]}),
        {k: v for k, v in POOL.items() if k != "VpcConfig"},
        other(EnableNetworkIsolation=True),
        other(EnableInterContainerTrafficEncryption=True),
        other(EnableManagedSpotTraining=True),
        other(SessionChainingConfig={"EnableSessionTagChaining": True}),
    ],
)
def test_jobs_that_do_not_fit(job: dict[str, Any]) -> None:
    assert not warm_pools.fits(POOL, job)


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (COMPLETED, "Warm"),
        (Verdict("Stopped"), "Warm"),
        (Verdict("Stopped", timed_out=True), "Warm"),
        (Verdict("Failed", "AlgorithmError: , exit code: 1"), "Warm"),
        (Verdict("Failed", "ClientError: bad data"), "Warm"),
        (Verdict("Failed", PLATFORM_FAILED), "Cleaning"),
    ],
)
def test_whose_instances_are_kept(verdict: Verdict, expected: str) -> None:
    job = evolve(Job("training", "Uploading", verdict=verdict), Uploaded(warm_until=100.0))
    assert job.phase == expected
    assert evolve(Job("training", "Uploading", verdict=verdict), Uploaded()).phase == "Cleaning"


WARM = Job("training", "Warm", verdict=COMPLETED, warm_until=100.0)


@pytest.mark.parametrize(
    ("job", "now", "expected"),
    [
        (WARM, 99.9, ()),
        (WARM, 100.0, (Clean(),)),
        (replace(WARM, reused_by="next"), 0.0, (Clean(),)),
        (replace(WARM, deleting=True), 0.0, (Clean(),)),
    ],
)
def test_a_pool_is_kept_until_it_ends(job: Job, now: float, expected: tuple[object, ...]) -> None:
    assert decide(job, now) == expected


def test_the_end_of_a_pool() -> None:
    over = evolve(replace(WARM, deleting=True), Cleaned())
    assert over.phase == "Over"
    assert over.verdict == COMPLETED
    assert decide(over, 0.0) == (Erase(),)
    with pytest.raises(IllegalMove):
        evolve(WARM, Uploaded())


@pytest.mark.parametrize("job", [WARM, replace(WARM, reused_by="next"), Job("training")])
def test_a_pool_is_written_down(job: Job) -> None:
    document = {job_progress.MEMBER: job_progress.written(job)}
    assert job_progress.read("training", "Completed", document) == job


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("InUse",), {"Status": "InUse"}),
        (("Available", 1.6), {"Status": "Available", "ResourceRetainedBillableTimeInSeconds": 2}),
        (("Available", -1.0), {"Status": "Available", "ResourceRetainedBillableTimeInSeconds": 0}),
        (
            ("Reused", 3.0, "next"),
            {"Status": "Reused", "ResourceRetainedBillableTimeInSeconds": 3, "ReusedByJob": "next"},
        ),
    ],
)
def test_what_describe_says(given: tuple[Any, ...], expected: dict[str, Any]) -> None:
    assert warm_pools.status(*given) == expected


@pytest.mark.parametrize(("config", "expected"), [({}, None), ({"KeepAlivePeriodInSeconds": 0}, None)])
def test_what_asks_for_no_pool(config: dict[str, Any], expected: None) -> None:
    assert warm_pools.keep_alive({"ResourceConfig": config}) is expected
