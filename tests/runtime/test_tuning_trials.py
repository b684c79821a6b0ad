"""The machine of tuning jobs: how strategies search, what ends early, what a parent teaches, who is told."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tuning_world import ROLE, SCOPE, World, config, continuous, definition

from stepwell.base import clock
from stepwell.base.documents import Document
from stepwell.machines.tuning_ranges import Choice, Number, Range, Values
from stepwell.machines.tuning_search import key, random_values
from stepwell.runtime import tuning_bayesian, tuning_trials
from stepwell.runtime.tuning_bayesian import Tried
from stepwell.services.registry import Door
from stepwell.services.sagemaker import hyper_parameter_tuning_jobs_rows as rows
from stepwell.store import outbox, resources, signals, work


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.database.close()


def bowl(values: dict[str, str]) -> float:
    """Least at x = 0.3."""
    return (float(values["x"]) - 0.3) ** 2


def request(most: int | None = 4, parallel: int = 2, **more: Any) -> Document:
    return {"HyperParameterTuningJobConfig": config(most, parallel, **more), "TrainingJobDefinition": definition()}


def needs_optuna() -> None:
    pytest.importorskip("optuna", reason="the strategy Bayesian needs optuna")


# How strategies search


def test_the_same_seed_tries_the_same(world: World) -> None:
    def tried(name: str, **more: Any) -> list[str]:
        world.run(world.create(name, **request(5, **more)), bowl)
        return [each["TunedHyperParameters"]["x"] for each in world.listed(name)]

    assert tried("a", RandomSeed=3) == tried("b", RandomSeed=3) != tried("c", RandomSeed=4)
    assert len({*tried("d"), *tried("e")}) == 10, "without a seed every tuning job is another"


def test_a_grid_is_tried_whole(world: World) -> None:
    ranges = [{"Name": "x", "Values": ["1", "2", "3"]}, {"Name": "k", "Values": ["a", "b"]}]
    grid = config(None, 4, Strategy="Grid", ParameterRanges={"CategoricalParameterRanges": ranges})
    arn = world.create(HyperParameterTuningJobConfig=grid, TrainingJobDefinition=definition())
    assert world.describe()["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxNumberOfTrainingJobs"] == 6
    found = world.run(arn, bowl)
    assert found["HyperParameterTuningJobStatus"] == "Completed"
    tried = {tuple(each["TunedHyperParameters"].values()) for each in world.listed()}
    assert tried == {(x, k) for x in "123" for k in "ab"}


def test_several_definitions_take_turns(world: World) -> None:
    definitions = [
        definition(
            DefinitionName=name,
            TuningObjective={"Type": "Minimize", "MetricName": "loss"},
            HyperParameterRanges=ranges,
        )
        for name, ranges in (
            ("few", {"CategoricalParameterRanges": [{"Name": "x", "Values": ["0.3", "0.9"]}]}),
            ("many", {"ContinuousParameterRanges": [continuous()]}),
        )
    ]
    asked = config(7, 2)
    del asked["HyperParameterTuningJobObjective"], asked["ParameterRanges"]
    found = world.run(world.create(HyperParameterTuningJobConfig=asked, TrainingJobDefinitions=definitions), bowl)
    names = Counter(each["TrainingJobDefinitionName"] for each in world.listed())
    assert names == {"few": 2, "many": 5}, "what has no combination left gives its turn away"
    assert found["BestTrainingJob"]["TrainingJobDefinitionName"] == "few"
    assert found["BestTrainingJob"]["TunedHyperParameters"] == {"x": "0.3"}


SPACE: tuple[Range, ...] = (
    Number("x", 1e-4, 1, "Logarithmic"),
    Number("n", 1, 20, "Linear", True),
    Choice("k", ("a", "b")),
)


def hard(values: Values) -> float:
    """Least at x = 0.01, n = 15, k = b."""
    off = abs(float(values["x"]) - 0.01) * 10 + abs(int(values["n"]) - 15) / 10
    return off + (0 if values["k"] == "b" else 1)


def best_of(seed: str, most: int, *, learns: bool, minimize: bool = True) -> float:
    tried: list[Tried] = []
    for number in range(1, most + 1):
        taken = {key(each.values) for each in tried}
        values = (
            tuning_bayesian.bayesian_values(SPACE, seed, number, most, tried, taken, minimize=minimize)
            if learns
            else random_values(SPACE, seed, number, taken)
        )
        assert values is not None
        tried.append(Tried(values, hard(values) if minimize else -hard(values)))
    return min(abs(each.objective or 0) for each in tried)


def test_learning_beats_chance() -> None:
    needs_optuna()
    learned = [best_of(str(seed), 30, learns=True) for seed in range(6)]
    by_chance = [best_of(str(seed), 30, learns=False) for seed in range(6)]
    assert statistics.fmean(learned) < statistics.fmean(by_chance)
    upwards = [best_of(str(seed), 30, learns=True, minimize=False) for seed in range(3)]
    assert statistics.fmean(upwards) < statistics.fmean(by_chance)


def test_what_is_learnt_follows_from_the_history_alone() -> None:
    needs_optuna()
    tried = [Tried({"x": "0.01", "n": str(n), "k": "b"}, float(n)) for n in range(1, 12)]
    tried.append(Tried({"x": "0.02", "n": "3", "k": "a"}, None))

    def ask(number: int) -> Values | None:
        return tuning_bayesian.bayesian_values(SPACE, "s", number, 30, tried, (), minimize=True)

    assert ask(13) == ask(13) != ask(14)


def test_nothing_is_learnt_twice() -> None:
    needs_optuna()
    space = (Choice("k", ("a", "b", "c")), Choice("j", ("x", "y")))
    tried: list[Tried] = []
    for number in range(1, 7):
        taken = {key(each.values) for each in tried}
        values = tuning_bayesian.bayesian_values(space, "s", number, 6, tried, taken, minimize=True)
        assert values is not None
        tried.append(Tried(values, 1.0))
    assert len({key(each.values) for each in tried}) == 6
    taken = {key(each.values) for each in tried}
    assert tuning_bayesian.bayesian_values(space, "s", 7, 6, tried, taken, minimize=True) is None


def test_a_bayesian_tuning_job(world: World) -> None:
    needs_optuna()
    found = world.run(world.create(**request(12, 3, Strategy="Bayesian", RandomSeed=1)), bowl)
    assert found["HyperParameterTuningJobStatus"] == "Completed"
    assert found["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] < 0.05


def test_without_optuna_bayesian_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(Exception, match=r"pip install 'stepwell\[tuning\]'"):
        world.create(**request(Strategy="Bayesian"))


# Warm start


def warm(kind: str, *parents: str) -> Document:
    named = [{"HyperParameterTuningJobName": parent} for parent in parents]
    return {"WarmStartType": kind, "ParentHyperParameterTuningJobs": named}


def test_parents_teach_and_their_best_counts(world: World) -> None:
    needs_optuna()
    parent = world.run(world.create("parent", **request(15, 5, RandomSeed=5)), bowl)
    kind = warm("IdenticalDataAndAlgorithm", "parent")
    child = world.create("child", **request(6, 1, Strategy="Bayesian", RandomSeed=5), WarmStartConfig=kind)
    best = world.describe("child")["OverallBestTrainingJob"]
    assert best == {**parent["BestTrainingJob"], "TuningJobName": "parent"}
    found = world.run(child, bowl)
    values = [bowl(each["TunedHyperParameters"]) for each in world.listed("child")]
    assert statistics.median(values) < 0.02, "it begins where the parent was good"
    overall = found["OverallBestTrainingJob"]
    ours = min(values) < best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
    assert overall["TuningJobName"] == ("child" if ours else "parent")
    assert overall["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == min(
        *values, best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
    )


def test_transfer_learning_compares_what_cannot_be_compared(world: World) -> None:
    needs_optuna()
    world.run(world.create("parent", **request(15, 5, RandomSeed=5)), lambda values: 1000 + 500 * bowl(values))
    kind = warm("TransferLearning", "parent")
    child = world.create("child", **request(8, 1, Strategy="Bayesian", RandomSeed=5), WarmStartConfig=kind)
    found = world.run(child, bowl)
    values = [bowl(each["TunedHyperParameters"]) for each in world.listed("child")]
    assert statistics.median(values) < 0.03
    assert "OverallBestTrainingJob" not in found


def test_a_parent_teaches_about_what_was_static_in_it(world: World) -> None:
    needs_optuna()
    first = definition(StaticHyperParameters={"y": "0.5"})
    world.run(world.create("parent", HyperParameterTuningJobConfig=config(9, 9), TrainingJobDefinition=first), bowl)
    swapped = config(6, 1, Strategy="Bayesian", ParameterRanges={"ContinuousParameterRanges": [continuous("y")]})
    child = world.create(
        "child",
        HyperParameterTuningJobConfig=swapped,
        TrainingJobDefinition=definition(StaticHyperParameters={"x": "0.5"}),
        WarmStartConfig=warm("TransferLearning", "parent"),
    )
    with world.database.read() as connection:
        state = world.machine.load(connection, child)
    assert state is not None
    taught = tuning_trials.inherited(world.door, state)
    assert len(taught) == 9
    assert {each.values["y"] for each in taught} == {"0.5"}
    assert len({each.values["x"] for each in taught}) == 9


def test_trials_are_standardised_by_their_tuning_job() -> None:
    tried = [Tried({}, 1.0, "a"), Tried({}, 3.0, "a"), Tried({}, 10.0, "b"), Tried({}, None, "b")]
    found = [each.objective for each in tuning_bayesian.standardised(tried)]
    assert found == [-1.0, 1.0, 0.0, None]


# What ends early


def begin(world: World, arn: str, count: int) -> list[resources.Resource]:
    """Look until so many training jobs run."""
    for _ in range(10):
        world.look(arn)
        running = world.jobs("InProgress")
        if len(running) == count:
            return running
    raise AssertionError(f"{len(running)} run, not {count}")


def test_the_median_rule_stops_a_hopeless_training_job(world: World) -> None:
    arn = world.create(**request(6, 2, TrainingJobEarlyStoppingType="Auto"))
    for number in range(4):
        job = begin(world, arn, 2)[0]
        world.say(job, [1.0, 0.5])
        world.end(job, 0.5 + number / 100)
    bad, good = begin(world, arn, 2)
    world.say(bad, [1.1])
    world.say(good, [0.9])
    world.look(arn)
    assert [job.name for job in world.jobs("Stopping")] == [bad.name]
    world.say(good, [0.9, 0.8])
    world.look(arn)
    assert {job.name for job in world.jobs("Stopping")} == {bad.name, good.name}
    world.end(bad, 1.1, "Stopped")
    world.end(good, 0.8, "Stopped")
    world.look(arn)
    found = world.describe()
    assert found["TrainingJobStatusCounters"]["Stopped"] == 2
    assert found["ObjectiveStatusCounters"] == {"Succeeded": 6, "Pending": 0, "Failed": 0}
    assert found["HyperParameterTuningJobStatus"] == "Completed"


def test_without_early_stopping_nobody_is_judged(world: World) -> None:
    arn = world.create(**request(6, 2))
    for _ in range(4):
        job = begin(world, arn, 2)[0]
        world.say(job, [0.1])
        world.end(job, 0.1)
    bad, _ = begin(world, arn, 2)
    world.say(bad, [9.9])
    world.look(arn)
    assert not world.jobs("Stopping")


def test_hyperband_lets_one_in_three_go_on(world: World) -> None:
    bounds = {"HyperbandStrategyConfig": {"MinResource": 2, "MaxResource": 6}}
    arn = world.create(**request(30, 30, Strategy="Hyperband", StrategyConfig=bounds, RandomSeed=1))
    jobs = begin(world, arn, 30)
    for job in jobs:
        world.say(job, [bowl(job.document["HyperParameters"])])
    world.look(arn)
    assert not world.jobs("Stopping"), "nobody has reached the first rung"
    for job in jobs:
        world.say(job, [bowl(job.document["HyperParameters"])] * 2)
        world.look(arn)
    stopped = {bowl(job.document["HyperParameters"]) for job in world.jobs("Stopping")}
    went_on = {bowl(job.document["HyperParameters"]) for job in world.jobs("InProgress")}
    assert 5 < len(stopped) < 25
    assert statistics.fmean(went_on) < statistics.fmean(stopped)
    assert min(went_on) < min(stopped)


def test_hyperband_stops_what_goes_beyond_its_resource(world: World) -> None:
    bounds = {"HyperbandStrategyConfig": {"MinResource": 4, "MaxResource": 4}}
    arn = world.create(**request(1, 1, Strategy="Hyperband", StrategyConfig=bounds))
    (job,) = begin(world, arn, 1)
    world.say(job, [1.0] * 4)
    world.look(arn)
    assert not world.jobs("Stopping"), "it may be saving its model"
    world.say(job, [1.0] * 5)
    world.look(arn)
    assert len(world.jobs("Stopping")) == 1


# How a tuning job ends


def test_the_target_ends_it_and_what_runs_is_stopped(world: World) -> None:
    criteria = {"TargetObjectiveMetricValue": 0.2}
    arn = world.create(**request(9, 2, TuningJobCompletionCriteria=criteria))
    first, second = begin(world, arn, 2)
    world.end(first, 0.19)
    world.look(arn)
    assert world.describe()["HyperParameterTuningJobStatus"] == "InProgress"
    assert [job.name for job in world.jobs("Stopping")] == [second.name]
    world.end(second, None, "Stopped")
    world.look(arn)
    found = world.describe()
    assert found["HyperParameterTuningJobStatus"] == "Completed"
    assert len(world.jobs()) == 2
    assert found["HyperParameterTuningEndTime"] <= clock.now()


@pytest.mark.parametrize(
    ("criteria", "count"),
    [
        ({"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}, 4),
        ({"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}}, 11),
        ({"ConvergenceDetected": {"CompleteOnConvergence": "Disabled"}}, 14),
    ],
)
def test_what_does_not_improve_ends(world: World, criteria: Document, count: int) -> None:
    found = world.run(world.create(**request(14, 1, TuningJobCompletionCriteria=criteria)), lambda _: 1.0)
    assert found["HyperParameterTuningJobStatus"] == "Completed"
    assert len(world.jobs()) == count
    details = found["TuningJobCompletionDetails"]
    assert details["NumberOfTrainingJobsObjectiveNotImproving"] == count - 1
    assert ("ConvergenceDetectedTime" in details) is (count > 10)


def test_its_time_is_up(world: World) -> None:
    asked = request(9, 1)
    asked["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxRuntimeInSeconds"] = 120
    arn = world.create(**asked)
    (job,) = begin(world, arn, 1)
    world.end(job, 1.0)
    begin(world, arn, 1)
    _, row_key = rows.scope_and_key(arn)
    with world.database.write() as transaction:
        row = resources.find(transaction.connection, row_key)
        assert row is not None
        # the row cannot be made older: its training jobs are named by when it was made
        own = row.document["HyperParameterTuningJobConfig"]
        limits = {**own["ResourceLimits"], "MaxRuntimeInSeconds": 0}
        changed = row.with_changes(row.modified, HyperParameterTuningJobConfig={**own, "ResourceLimits": limits})
        resources.save(transaction, changed)
    found = world.run(arn, bowl)
    assert found["HyperParameterTuningJobStatus"] == "Completed"
    assert found["TrainingJobStatusCounters"] == {
        "Completed": 1, "InProgress": 0, "RetryableError": 0, "NonRetryableError": 0, "Stopped": 1,
    }  # fmt: skip


def test_all_training_jobs_fail(world: World) -> None:
    arn = world.create(**request(20, 1))
    while world.look(arn):
        for job in world.jobs("InProgress"):
            world.end(job, None, "Failed", "AlgorithmError: , exit code: 1")
    found = world.describe()
    assert found["HyperParameterTuningJobStatus"] == "Failed"
    assert found["FailureReason"] == (
        "No training job succeeded after 5 attempts. For additional details, please take a look at the training job "
        "failures by listing training jobs for the hyperparameter tuning job."
    )
    assert "BestTrainingJob" not in found
    assert {each["FailureReason"] for each in world.listed()} == {"AlgorithmError: , exit code: 1"}


def test_the_objective_metric_is_never_printed(world: World) -> None:
    found = world.run(world.create(**request(20, 1)), lambda _: None)
    assert found["HyperParameterTuningJobStatus"] == "Failed"
    assert found["FailureReason"].startswith("No objective metrics found after running 5 training jobs.")
    assert found["ObjectiveStatusCounters"] == {"Succeeded": 0, "Pending": 0, "Failed": 5}
    assert {each["ObjectiveStatus"] for each in world.listed()} == {"Failed"}


def test_a_training_job_that_cannot_be_created(world: World) -> None:
    bad = definition(CheckpointConfig={"S3Uri": "s3://bucket/c", "LocalPath": "/etc"})
    asked = {"HyperParameterTuningJobConfig": config(), "TrainingJobDefinition": bad}
    found = world.run(world.create("tune", **asked), bowl)
    assert found["HyperParameterTuningJobStatus"] == "Failed"
    assert found["FailureReason"].startswith("ClientError: The LocalPath '/etc' of CheckpointConfig is not valid")
    assert world.jobs() == []


def test_a_training_job_that_somebody_removed(world: World) -> None:
    arn = world.create(**request(1, 1))
    (job,) = begin(world, arn, 1)
    with world.database.write() as transaction:
        resources.remove(transaction, job.key)
    world.look(arn)
    (listed,) = world.listed()
    assert "was deleted before its end was noted" in listed["FailureReason"]
    assert world.describe()["HyperParameterTuningJobStatus"] == "Failed"


def test_a_training_job_that_somebody_stopped(world: World) -> None:
    arn = world.create(**request(2, 1))
    (job,) = begin(world, arn, 1)
    world.call("StopTrainingJob", TrainingJobName=job.name)
    world.look(arn)
    assert world.listed()[0]["TrainingJobStatus"] == "Stopping"
    world.end(world.jobs("Stopping")[0], 0.4, "Stopped")
    found = world.run(arn, bowl)
    assert found["TrainingJobStatusCounters"]["Stopped"] == 1
    assert found["ObjectiveStatusCounters"]["Succeeded"] == 2


# Children, and who is told


def test_children_carry_what_they_need(world: World) -> None:
    tags = [{"Key": "team", "Value": "blue"}]
    arn = world.create(**request(1, 1), Tags=tags)
    (job,) = begin(world, arn, 1)
    described = world.call("DescribeTrainingJob", TrainingJobName=job.name)
    assert described["TuningJobArn"] == arn
    value = world.listed()[0]["TunedHyperParameters"]["x"]
    assert described["HyperParameters"] == {"fixed": "1", "_tuning_objective_metric": "loss", "x": value}
    child = SCOPE.arn("sagemaker", f"training-job/{job.name}")
    assert world.call("ListTags", ResourceArn=child)["Tags"] == tags
    assert world.call("ListTags", ResourceArn=arn)["Tags"] == tags


def test_a_child_that_changes_wakes_its_tuning_job(world: World) -> None:
    arn = world.create(**request(1, 1))
    (job,) = begin(world, arn, 1)
    with world.database.read() as connection:
        fresh = resources.find(connection, job.key)
    assert fresh is not None
    with world.database.write() as transaction:
        work.take_over(transaction, clock.now())
        rows.training_job_changed(world.site, transaction, fresh, 5.0)
    with world.database.write() as transaction:
        assert work.lease(transaction, arn, "token", 6.0, 36.0) is not None, "it is due"


def test_the_pipeline_execution_is_told(world: World) -> None:
    execution = SCOPE.arn("sagemaker", "pipeline/p/execution/abcdefghijkl")
    tags = [{"Key": "sagemaker:pipeline-execution-arn", "Value": execution}]
    arn = world.create(**request(1, 1), Tags=tags)
    world.run(arn, bowl)
    with world.database.read() as connection:
        assert [signal.key for signal in signals.of(connection, execution)] == [arn]


def test_the_world_is_told(world: World) -> None:
    events = Door(world.site)
    pattern = '{"source": ["aws.sagemaker"], "detail-type": ["SageMaker HyperParameter Tuning Job State Change"]}'
    events.call(SCOPE, "events", "PutRule", {"Name": "tunings", "EventPattern": pattern})
    arn = world.create(**request(2, 1), Tags=[{"Key": "team", "Value": "blue"}])
    world.run(arn, bowl)
    with world.database.read() as connection:
        told = connection.execute(select(outbox.table.c.event).order_by(outbox.table.c.announced)).scalars().all()
    details = [event["detail"] for event in told if event["detail-type"] == rows.DETAIL_TYPE]
    assert [detail["HyperParameterTuningJobStatus"] for detail in details] == ["InProgress", "Completed"]
    last = details[-1]
    assert last["HyperParameterTuningJobArn"] == arn
    assert last["Tags"] == {"team": "blue"}
    assert last["TrainingJobStatusCounters"]["Completed"] == 2
    assert last["CreationTime"].isdigit()
    assert last["BestTrainingJob"]["TrainingEndTime"].isdigit()
    assert "Progress" not in last


def test_the_role_is_the_definitions(world: World) -> None:
    begin(world, world.create(**request(1, 1)), 1)
    assert world.jobs()[0].document["RoleArn"] == ROLE
