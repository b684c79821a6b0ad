"""What SageMaker's events say: names and forms of time, as in the developer guide's samples (spec 02, 16; 04, 5)."""

from __future__ import annotations

import json
from datetime import datetime

from stepwell.base.arn import Scope
from stepwell.services.events import announcements
from stepwell.services.events.sagemaker_details import (
    model_package,
    pipeline_execution,
    pipeline_step,
    processing_job,
    training_job,
)
from stepwell.services.registry import Site
from stepwell.store import outbox, resources, work
from stepwell.store.resources import Key, Resource
from stepwell.store.steps import Step

PIPELINE = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/P"
EXECUTION = f"{PIPELINE}/execution/p4jn9xou8a8s"
START = datetime.fromisoformat("2021-03-15T16:03:13.250+00:00").timestamp()
END = datetime.fromisoformat("2021-03-15T16:10:10+00:00").timestamp()


def row(kind: str, name: str, status: str, parent: str = "", **document: object) -> Resource:
    return Resource(Key(kind, "123456789012", "us-east-1", name, parent), status, START, END, dict(document))


def test_an_execution_that_has_ended() -> None:
    execution = row(
        "pipeline-execution",
        "p4jn9xou8a8s",
        "Succeeded",
        "P",
        PipelineExecutionDisplayName="SomeDisplayName",
        PipelineExecutionDescription="SomeDescription",
    )
    assert pipeline_execution(execution, PIPELINE, EXECUTION, "Executing") == {
        "pipelineExecutionDisplayName": "SomeDisplayName",
        "currentPipelineExecutionStatus": "Succeeded",
        "previousPipelineExecutionStatus": "Executing",
        "executionStartTime": "2021-03-15T16:03:13Z",
        "executionEndTime": "2021-03-15T16:10:10Z",
        "pipelineExecutionDescription": "SomeDescription",
        "pipelineArn": PIPELINE,
        "pipelineExecutionArn": EXECUTION,
    }


def test_an_execution_that_begins_has_no_end_and_no_status_before() -> None:
    detail = pipeline_execution(row("pipeline-execution", "x", "Executing", "P"), PIPELINE, EXECUTION, None)
    assert not {"executionEndTime", "previousPipelineExecutionStatus"} & set(detail)


def test_a_step() -> None:
    job = "arn:aws:sagemaker:us-east-1:123456789012:processing-job/j"
    step = Step(EXECUTION, "Prepare", "Succeeded", 1, START, END, metadata={"ProcessingJob": {"Arn": job}})
    assert pipeline_step(step, "Processing", PIPELINE, "Executing") == {
        "metadata": {"processingJob": {"arn": job}},
        "stepStartTime": "2021-03-15T16:03:13Z",
        "stepEndTime": "2021-03-15T16:10:10Z",
        "stepName": "Prepare",
        "stepType": "Processing",
        "previousStepStatus": "Executing",
        "currentStepStatus": "Succeeded",
        "pipelineArn": PIPELINE,
        "pipelineExecutionArn": EXECUTION,
    }
    failed = Step(EXECUTION, "Prepare", "Failed", 1, START, END, failure_reason="no")
    assert pipeline_step(failed, "Fail", PIPELINE, None)["failureReason"] == "no"


def test_a_training_job_writes_times_as_text() -> None:
    job = row(
        "training-job",
        "t",
        "Completed",
        SecondaryStatus="Completed",
        TrainingStartTime=START,
        SecondaryStatusTransitions=[{"Status": "Starting", "StartTime": START, "StatusMessage": "m"}],
        StoppingCondition={"MaxRuntimeInSeconds": 60},
        Progress={"phase": "Over"},
    )
    detail = training_job(job, "arn", {"a": "b"})
    assert detail["CreationTime"] == detail["TrainingStartTime"] == "1615824193250"
    assert detail["SecondaryStatusTransitions"][0]["StartTime"] == "1615824193250"
    assert (detail["TrainingJobName"], detail["TrainingJobStatus"], detail["Tags"]) == ("t", "Completed", {"a": "b"})
    assert detail["StoppingCondition"] == {"MaxRuntimeInSeconds": 60}
    assert "Progress" not in detail


def test_a_processing_job_and_a_model_package_write_times_as_numbers() -> None:
    assert processing_job(row("processing-job", "p", "Failed"), "arn", {})["CreationTime"] == 1615824193250
    package = row(
        "model-package", "g/3", "Completed", "g", ModelPackageGroupName="g", ModelPackageVersion=3, ClientToken="x"
    )
    detail = model_package(package, "arn")
    assert (detail["ModelPackageName"], detail["ModelPackageVersion"]) == ("g/3", 3)
    assert (detail["CreationTime"], detail["ModelPackageStatus"]) == (1615824193250, "Completed")
    assert "ClientToken" not in detail


def test_an_announcement_stands_and_falls_with_its_transaction(site: Site) -> None:
    rule = Resource(Key(outbox.RULE, "123456789012", "us-east-1", "r", "default"), "ENABLED", 0.0, 0.0)
    package = row("model-package", "g/1", "Completed", "g")
    with site.database.write() as transaction:
        announcements.model_package_changed(site, transaction, package, END)
    with site.database.read() as connection:
        assert work.ready(connection, 1e12, 10) == [], "nobody listens"
    with site.database.write() as transaction:
        resources.add(transaction, rule)
    try:
        with site.database.write() as transaction:
            announcements.model_package_changed(site, transaction, package, END)
            raise KeyError
    except KeyError:
        pass
    with site.database.read() as connection:
        assert work.ready(connection, 1e12, 10) == []
    with site.database.write() as transaction:
        announcements.model_package_changed(site, transaction, package, END)
        announcements.job_changed(site, transaction, row("training-job", "t", "InProgress"), END)
        announcements.job_changed(site, transaction, row("processing-job", "t", "InProgress"), END)
        announcements.model_changed(site, transaction, row("model", "m", ""), END)
        announcements.pipeline_execution_changed(
            site, transaction, row("pipeline-execution", "e", "Executing", "P"), None, END
        )
        begun = announcements.StepChange(Step(EXECUTION, "S", "Starting", 1, START), "Training", None)
        announcements.pipeline_steps_changed(site, transaction, EXECUTION, [begun], END)
    with site.database.read() as connection:
        subjects = [subject for subject, _ in work.ready(connection, END, 10)]
        found = [outbox.find(connection, subject) for subject in subjects]
    told = {each.event["detail-type"]: each.event for each in found if each}
    assert sorted(told) == [
        "SageMaker Model Building Pipeline Execution Status Change",
        "SageMaker Model Building Pipeline Execution Step Status Change",
        "SageMaker Model Package State Change",
        "SageMaker Model State Change",
        "SageMaker Processing Job State Change",
        "SageMaker Training Job State Change",
    ]
    event = told["SageMaker Model Building Pipeline Execution Step Status Change"]
    assert event["resources"] == [PIPELINE, EXECUTION]
    assert (event["version"], event["source"], event["time"]) == ("0", "aws.sagemaker", "2021-03-15T16:10:10Z")
    assert (event["account"], event["region"]) == ("123456789012", "us-east-1")
    assert json.dumps(event)
    assert found[0] and found[0].scope == Scope("123456789012", "us-east-1")
