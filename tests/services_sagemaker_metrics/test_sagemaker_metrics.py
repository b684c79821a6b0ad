"""BatchPutMetrics and BatchGetMetrics: what is kept, what is refused point by point, and what is shown of it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from stepwell.base import clock
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.registry import Door, Site
from stepwell.services.sagemaker import recording
from stepwell.services.sagemaker_metrics import get_metrics, put_metrics
from stepwell.store import metric_points
from stepwell.store.metric_points import Metric, Point


@dataclass(frozen=True)
class Caller:
    """Calls both services; there is a component `e-run`."""

    door: Door
    scope: Scope

    def sagemaker(self, operation: str, **params: object) -> Document:
        return self.door.call(self.scope, "sagemaker", operation, params)

    def metrics(self, operation: str, **params: object) -> Document:
        return self.door.call(self.scope, "sagemaker-metrics", operation, params)

    def put(self, *data: Document, component: str = "e-run") -> Document:
        return self.metrics("BatchPutMetrics", TrialComponentName=component, MetricData=data)

    def shown(self, component: str = "e-run") -> dict[str, Document]:
        described = self.sagemaker("DescribeTrialComponent", TrialComponentName=component)
        return {each["MetricName"]: each for each in described["Metrics"]}

    def asked(self, **query: object) -> Document:
        whole = {
            "MetricName": "loss",
            "ResourceArn": self.scope.arn("sagemaker", "experiment-trial-component/e-run"),
            "MetricStat": "Last",
            "Period": "IterationNumber",
            "XAxisType": "IterationNumber",
            **query,
        }
        return dict(self.metrics("BatchGetMetrics", MetricQueries=[whole])["MetricQueryResults"][0])


@pytest.fixture
def caller(door: Door, scope: Scope) -> Caller:
    made = Caller(door, scope)
    made.sagemaker("CreateTrialComponent", TrialComponentName="e-run")
    return made


def point(name: str, value: object, moment: float | None = None, step: int | None = None) -> Document:
    found: Document = {"MetricName": name, "Value": value, "Timestamp": clock.now() if moment is None else moment}
    return found if step is None else {**found, "Step": step}


def test_points_are_summed_up_in_the_component(caller: Caller, scope: Scope) -> None:
    now = clock.now()
    assert caller.put(*(point("loss", float(value), now, value) for value in range(4)), point("acc", 0.5, now)) == {}
    assert caller.put(point("loss", 10.0, now - 60), point("acc", 1.0, now + 1)) == {}
    shown = caller.shown()
    assert list(shown) == ["acc", "loss"]
    loss = shown["loss"]
    assert (loss["Count"], loss["Min"], loss["Max"], loss["Avg"], loss["Last"]) == (5, 0.0, 10.0, 3.2, 3.0)
    assert loss["StdDev"] == pytest.approx(3.5440, abs=1e-4)
    assert loss["SourceArn"] == scope.arn("sagemaker", "experiment-trial-component/e-run")
    assert shown["acc"]["Last"] == 1.0


@pytest.mark.parametrize(
    "wrong",
    [
        point("loss", "NaN"),
        point("loss", "Infinity"),
        point("loss", "-Infinity"),
        point("loss", 10**400),
        point("loss", -1e109),
        point("loss", 1.0, clock.now() - 15 * 86400),
        point("loss", 1.0, clock.now() + 3 * 3600),
        point("loss", 1.0, -1e18),
    ],
)
def test_a_point_that_cannot_be_kept_is_named_and_the_others_are_kept(caller: Caller, wrong: Document) -> None:
    answer = caller.put(point("loss", 1.0), wrong, point("loss", 2.0))
    assert answer == {"Errors": [{"Code": "VALIDATION_ERROR", "MetricIndex": 1}]}
    assert caller.shown()["loss"]["Count"] == 2


def test_nothing_is_kept_where_all_is_wrong(caller: Caller) -> None:
    assert len(caller.put(point("loss", "NaN"), point("acc", "NaN"))["Errors"]) == 2
    assert caller.shown() == {}


@pytest.mark.parametrize(
    "request_",
    [
        {"TrialComponentName": "e-run", "MetricData": []},
        {"TrialComponentName": "e-run", "MetricData": [point("loss", 1.0)] * 11},
        {"TrialComponentName": "e-run", "MetricData": [point("", 1.0)]},
        {"TrialComponentName": "e-run", "MetricData": [point("loss", 1.0, step=-1)]},
        {"TrialComponentName": "E-Run", "MetricData": [point("loss", 1.0)]},
        {"TrialComponentName": "e-run", "MetricData": [{"MetricName": "loss", "Value": 1.0}]},
    ],
)
def test_what_the_model_forbids_is_refused_whole(caller: Caller, request_: Document) -> None:
    with pytest.raises(Fault) as refused:
        caller.metrics("BatchPutMetrics", **request_)
    assert refused.value.code == "ValidationException"
    assert caller.shown() == {}


def test_a_component_that_is_not_there_is_named(caller: Caller) -> None:
    with pytest.raises(Fault) as refused:
        caller.put(point("loss", 1.0), component="nope")
    assert refused.value.code == "ResourceNotFound"
    assert "experiment-trial-component/nope' does not exist." in refused.value.message


def test_a_name_in_small_letters_finds_its_component(caller: Caller) -> None:
    caller.sagemaker("CreateTrialComponent", TrialComponentName="Big-Run")
    caller.put(point("loss", 1.0), component="big-run")
    assert caller.shown("Big-Run")["loss"]["Count"] == 1


def test_a_job_that_was_just_created_can_be_put_to(caller: Caller) -> None:
    a_training_job(caller, "job")
    caller.put(point("loss", 1.0), component="job-aws-training-job")
    assert caller.shown("job-aws-training-job")["loss"]["Count"] == 1


def test_one_metric_too_many_is_refused_and_those_that_stand_go_on(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(put_metrics, "MOST_METRICS", 2)
    answer = caller.put(point("a", 1.0), point("b", 1.0), point("c", 1.0), point("a", 2.0), point("c", 1.0))
    codes = [(each["Code"], each["MetricIndex"]) for each in answer["Errors"]]
    assert codes == [("METRIC_LIMIT_EXCEEDED", 2), ("METRIC_LIMIT_EXCEEDED", 4)]
    assert caller.put(point("b", 3.0)) == {}
    assert {name: each["Count"] for name, each in caller.shown().items()} == {"a": 2, "b": 2}


def test_metrics_go_with_their_component(caller: Caller, site: Site, scope: Scope) -> None:
    caller.put(point("loss", 1.0))
    caller.sagemaker("DeleteTrialComponent", TrialComponentName="e-run")
    caller.sagemaker("CreateTrialComponent", TrialComponentName="e-run")
    assert caller.shown() == {}
    assert caller.asked()["XAxisValues"] == []
    with site.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM metric_points").scalar() == 0


def test_a_history_by_iteration_and_by_time(caller: Caller) -> None:
    begin = clock.now() // 60 * 60 - 600
    for step in range(6):
        caller.put(
            point("loss", float(10 - step), begin + step * 30, step), point("loss", 1.0, begin + step * 30, step)
        )
    by_step = caller.asked(MetricStat="Max")
    assert by_step == {
        "Status": "Complete",
        "XAxisValues": [0, 1, 2, 3, 4, 5],
        "MetricValues": [10.0, 9.0, 8.0, 7.0, 6.0, 5.0],
    }
    by_minute = caller.asked(MetricStat="Count", Period="OneMinute", XAxisType="Timestamp")
    assert by_minute["XAxisValues"] == [int(begin), int(begin) + 60, int(begin) + 120]
    assert by_minute["MetricValues"] == [4.0, 4.0, 4.0]
    part = caller.asked(MetricStat="Last", Start=int(begin) + 30, End=int(begin) + 90)
    assert part["XAxisValues"] == [1, 2]


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"Start": 5, "End": 4}, "The Start of a query must not lie behind its End."),
        ({"ResourceArn": "arn:aws:sagemaker:eu-west-1:123456789012:training-job/no"}, "is no training job"),
        (
            {"ResourceArn": "arn:aws:sagemaker:us-east-1:123456789012:experiment-trial-component/e-run"},
            "is no training",
        ),
    ],
)
def test_a_query_that_cannot_be_answered_says_so_itself(caller: Caller, query: Document, problem: str) -> None:
    answer = caller.asked(**query)
    assert (answer["Status"], answer["XAxisValues"], answer["MetricValues"]) == ("ValidationError", [], [])
    assert problem in answer["Message"]


def test_a_metric_nobody_put_has_an_empty_history(caller: Caller) -> None:
    assert caller.asked(MetricName="unknown") == {"Status": "Complete", "XAxisValues": [], "MetricValues": []}


def test_a_long_history_is_cut(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get_metrics, "MOST_VALUES", 2)
    caller.put(*(point("loss", 1.0, step=step) for step in range(3)))
    answer = caller.asked()
    assert (answer["Status"], answer["XAxisValues"]) == ("Truncated", [0, 1])


@pytest.mark.parametrize("arn", ["training-job/Job", "experiment-trial-component/job-aws-training-job"])
def test_what_a_job_prints_has_a_history_too(caller: Caller, site: Site, scope: Scope, arn: str) -> None:
    a_training_job(caller, "Job")
    with site.database.write() as transaction:
        metric = Metric("/aws/sagemaker/TrainingJobs", "loss", (("TrainingJobName", "Job"),))
        metric_points.add(transaction, scope, [(metric, Point(60.0, 4.0)), (metric, Point(120.0, 2.0))])
    answer = caller.asked(ResourceArn=scope.arn("sagemaker", arn), Period="OneMinute", XAxisType="Timestamp")
    assert (answer["XAxisValues"], answer["MetricValues"]) == ([60, 120], [4.0, 2.0])


def test_no_list_of_cloudwatch_has_them(caller: Caller) -> None:
    caller.put(point("loss", 1.0))
    assert caller.door.call(caller.scope, "cloudwatch", "ListMetrics", {})["Metrics"] == []


def test_the_component_is_recorded_again(caller: Caller, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    recorders = {"experiment-trial-component": (lambda recorded: seen.append(recorded.resource.name),)}
    monkeypatch.setattr(recording, "RECORDERS", recorders)
    recording.catch_up(site)
    seen.clear()
    caller.put(point("loss", 1.0))
    recording.catch_up(site)
    assert seen == ["e-run"]


def a_training_job(caller: Caller, name: str) -> None:
    request: Document = {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": "python:3.11", "TrainingInputMode": "File"},
        "RoleArn": "arn:aws:iam::123456789012:role/SageMakerRole",
        "OutputDataConfig": {"S3OutputPath": "s3://b/models"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5},
    }
    caller.sagemaker("CreateTrainingJob", **request)
