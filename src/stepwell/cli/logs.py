"""`stepwell logs JOB`: the log of a processing or training job, as it stands or as it grows."""

from __future__ import annotations

import argparse
from typing import Any

from stepwell import settings
from stepwell.base import clock
from stepwell.cli import connection

LOOK_SECONDS = 0.5
KINDS = (
    ("/aws/sagemaker/ProcessingJobs", "describe_processing_job", "ProcessingJobName", "ProcessingJobStatus"),
    ("/aws/sagemaker/TrainingJobs", "describe_training_job", "TrainingJobName", "TrainingJobStatus"),
)
FINAL = ("Completed", "Failed", "Stopped")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", metavar="JOB", help="name of a processing or training job")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the job ends")


def run(options: argparse.Namespace) -> int:
    data = settings.load({"data": options.data}).data
    reached = connection.access(data)
    if reached is None:
        return connection.no_server(data)
    sagemaker, logs = connection.client("sagemaker", reached), connection.client("logs", reached)
    for group, describe, member, status in KINDS:
        try:
            found = getattr(sagemaker, describe)(**{member: options.job})
        except sagemaker.exceptions.ClientError:
            continue
        _print(options, logs, group, lambda: getattr(sagemaker, describe)(**{member: options.job})[status])  # noqa: B023
        if found.get("FailureReason"):
            print(f"FailureReason: {found['FailureReason']}")
        return 0
    return connection.complain(f"there is no processing or training job named {options.job!r}.")


def _print(options: argparse.Namespace, logs: Any, group: str, status: Any) -> None:
    tokens: dict[str, str] = {}
    while True:
        ended = not options.follow or status() in FINAL
        for stream in _streams(logs, group, options.job):
            tokens[stream] = _print_new(logs, group, stream, tokens.get(stream))
        if ended:
            return
        clock.sleep(LOOK_SECONDS)


def _streams(logs: Any, group: str, job: str) -> list[str]:
    try:
        found = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/")
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [stream["logStreamName"] for stream in found["logStreams"]]


def _print_new(logs: Any, group: str, stream: str, token: str | None) -> str:
    while True:
        given = {"nextToken": token} if token else {}
        answer = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True, **given)
        for event in answer["events"]:
            print(event["message"])
        if answer["nextForwardToken"] == token or not answer["events"]:
            return str(answer["nextForwardToken"])
        token = answer["nextForwardToken"]
