"""Random tuning jobs, ends, stops and crashes: the machine of tuning jobs over a real database.

A crash strikes before a transaction, inside it, or behind it, whoever writes: the machine or the noun it calls. Then
a new process takes over. The invariants are the assertions of `Simulation`.
"""

from __future__ import annotations

import random
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tuning_world import FINAL, World, config, continuous, definition

from stepwell.base.documents import Document
from stepwell.store.database import Database, Transaction
from stepwell.store.resources import Resource


class Crash(BaseException):
    """The process dies here."""


class MortalDatabase(Database):
    """While `is_mortal`, the process may die before, in or after every transaction."""

    is_mortal = False

    def __init__(self, path: Path, crashes: float, faults: random.Random) -> None:
        super().__init__(path)
        self._crashes = crashes
        self._faults = faults

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        self.maybe_crash()
        with super().write() as transaction:
            yield transaction
            self.maybe_crash()
        self.maybe_crash()

    def maybe_crash(self) -> None:
        if self.is_mortal and self._faults.random() < self._crashes:
            raise Crash


class Simulation:
    """One tuning job in a world where processes die. `crashes` is the probability at each point."""

    def __init__(self, folder: Path, seed: int, crashes: float) -> None:
        self.choices = random.Random(seed)
        self.most = self.choices.randint(1, 9)
        self.parallel = self.choices.randint(1, 4)
        self.strategy = self.choices.choice(["Random", "Grid", "Hyperband"])
        self.failing = self.choices.choice([0.0, 0.3, 1.0])
        self.silent = self.choices.choice([0.0, 0.3, 1.0])
        self.stop_at = self.choices.choice([None, None, self.choices.randint(0, 15)])
        self.database = MortalDatabase(folder / "db", crashes, random.Random(seed + 1))
        self.world = World(folder, self.database)
        self.asked = False

    def request(self) -> dict[str, Any]:
        more: Document = {"Strategy": self.strategy, "RandomSeed": 7}
        if self.strategy == "Grid":
            values = [str(number) for number in range(self.most)]
            more["ParameterRanges"] = {"CategoricalParameterRanges": [{"Name": "x", "Values": values}]}
        if self.strategy == "Hyperband":
            more["StrategyConfig"] = {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 9}}
        return {
            "HyperParameterTuningJobConfig": config(self.most, self.parallel, **more),
            "TrainingJobDefinition": definition(),
            "Tags": [{"Key": "team", "Value": "blue"}],
        }

    def run(self) -> tuple[str, list[str]]:
        """How it ended, and the values that were tried, in order."""
        arn = self.world.create(**self.request())
        for tick in range(600):
            if tick == self.stop_at:
                self.stop()
            self.look(arn)
            self.check()
            found = self.world.describe()
            if found["HyperParameterTuningJobStatus"] in FINAL:
                self.check_end(found)
                tried = [job.document["HyperParameters"]["x"] for job in self.world.jobs()]
                return str(found["HyperParameterTuningJobStatus"]), tried
            for job in self.world.jobs("InProgress", "Stopping"):
                if self.choices.random() < 0.5:
                    self.end(job)
        raise AssertionError(f"the tuning job does not end: {self.world.describe()}")

    def stop(self) -> None:
        if self.world.describe()["HyperParameterTuningJobStatus"] == "InProgress":
            self.world.call("StopHyperParameterTuningJob", HyperParameterTuningJobName="tune")
            self.asked = True

    def end(self, job: Resource) -> None:
        chance = random.Random(job.document["HyperParameters"]["x"])
        fails, value = chance.random() < self.failing, None if chance.random() < self.silent else chance.random()
        if job.status == "Stopping":
            self.world.end(job, value, "Stopped")
        elif fails:
            self.world.end(job, value, "Failed", "AlgorithmError: no")
        else:
            self.world.end(job, value)

    def look(self, arn: str) -> None:
        """A process looks at the tuning job until it is done or dies; the next one takes over in the next tick."""
        self.database.is_mortal = True
        try:
            self.world.look(arn)
        except Crash:
            self.world.machine = self.world.process()
        finally:
            self.database.is_mortal = False

    def check(self) -> None:
        """What must hold at every moment."""
        jobs = self.world.jobs()
        numbers = [int(re.fullmatch(r"tune-(\d{3})-[0-9a-f]{8}", job.name)[1]) for job in jobs]  # type: ignore[index]
        assert numbers == list(range(1, len(jobs) + 1)), f"a trial was lost or made twice: {numbers}"
        assert len(jobs) <= self.most
        assert len(self.world.jobs("InProgress", "Stopping")) <= self.parallel, "too many at once"
        listed = {each["TrainingJobName"] for each in self.world.listed()}
        assert listed <= {job.name for job in jobs}
        assert len(jobs) - len(listed) <= 1, "only the newest may not be noted yet"

    def check_end(self, found: Document) -> None:
        """What must hold when it is over."""
        jobs, listed = self.world.jobs(), self.world.listed()
        assert not self.world.jobs("InProgress", "Stopping"), "a training job outlived its tuning job"
        assert [each["TrainingJobName"] for each in listed] == [job.name for job in jobs]
        assert {job.document["TuningJobArn"] for job in jobs} <= {found["HyperParameterTuningJobArn"]}
        for job, each in zip(jobs, listed, strict=True):
            assert each["TrainingJobStatus"] == job.status
            assert job.document["HyperParameters"]["x"] == each["TunedHyperParameters"]["x"]
            has_value = "FinalMetricDataList" in job.document and job.status != "Failed"
            assert each["ObjectiveStatus"] == ("Succeeded" if has_value else "Failed")
        counters, objectives = found["TrainingJobStatusCounters"], found["ObjectiveStatusCounters"]
        statuses = [job.status for job in jobs]
        assert counters == {
            "Completed": statuses.count("Completed"),
            "InProgress": 0,
            "RetryableError": 0,
            "NonRetryableError": statuses.count("Failed"),
            "Stopped": statuses.count("Stopped"),
        }
        values = [
            each["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
            for each in listed
            if each["ObjectiveStatus"] == "Succeeded"
        ]
        assert objectives == {"Succeeded": len(values), "Pending": 0, "Failed": len(jobs) - len(values)}
        best = found.get("BestTrainingJob", {}).get("FinalHyperParameterTuningJobObjectiveMetric", {}).get("Value")
        assert best == min(values, default=None)
        if not self.asked:
            assert found["HyperParameterTuningJobStatus"] == ("Completed" if values else "Failed")
            assert len(jobs) == self.most or len(jobs) >= 5, "it gave up too early"


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_crashes_change_nothing(seed: int) -> None:
    with tempfile.TemporaryDirectory() as calm, tempfile.TemporaryDirectory() as stormy:
        expected, actual = Simulation(Path(calm), seed, 0.0), Simulation(Path(stormy), seed, 0.15)
        wanted, found = expected.run(), actual.run()
        shorter = min(len(wanted[1]), len(found[1]))
        assert found[1][:shorter] == wanted[1][:shorter], "other values were tried"
        if expected.stop_at is None and not expected.failing and not expected.silent:
            assert found == wanted


@pytest.mark.parametrize("seed", range(12))
def test_without_crashes_every_tuning_job_ends(tmp_path: Path, seed: int) -> None:
    Simulation(tmp_path, seed, 0.0).run()


def test_a_second_tuning_job_of_one_name_has_training_jobs_of_its_own(tmp_path: Path) -> None:
    world = World(tmp_path)
    request: Document = {"HyperParameterTuningJobConfig": config(1), "TrainingJobDefinition": definition()}
    world.run(world.create(**request), lambda _: 1.0)
    world.call("DeleteHyperParameterTuningJob", HyperParameterTuningJobName="tune")
    world.run(world.create(**request), lambda _: 2.0)
    assert len(world.jobs()) == 2
    assert len(world.listed()) == 1
    assert world.describe()["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == 2.0


def test_continuous_ranges_are_what_the_world_says(tmp_path: Path) -> None:
    world = World(tmp_path)
    ranges = {"ContinuousParameterRanges": [continuous("y", "5", "6")]}
    request: Document = {"HyperParameterTuningJobConfig": config(3, ParameterRanges=ranges)}
    world.run(world.create(**request, TrainingJobDefinition=definition()), lambda given: float(given["y"]))
    assert all(5 <= float(each["TunedHyperParameters"]["y"]) <= 6 for each in world.listed())
