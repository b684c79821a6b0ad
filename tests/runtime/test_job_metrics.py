"""Metrics of training jobs: read on while the job writes, cut off anywhere, by several at once, and at its end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.blobs.folder import Blobs
from stepwell.container.metric_scanner import Findings, Pattern, Scanner, ScannerLost
from stepwell.runtime import job_metrics
from stepwell.runtime.job_folders import folder
from stepwell.runtime.job_meter import JobMeter
from stepwell.services.registry import Site
from stepwell.store import metric_points, metric_tails, resources, tables, work
from stepwell.store.database import Database, Transaction
from stepwell.store.metric_points import Metric, Point, Span
from stepwell.store.resources import Resource

__all__ = ["tables"]

SCOPE = Scope("123456789012", "eu-west-1")
ARN = SCOPE.arn("sagemaker", "training-job/learn")
KEY = resources.key(SCOPE, "training-job", "learn")
LOSS = {"Name": "loss", "Regex": "loss=([0-9.]+)"}
EVER = Span(0, 1e11, 60)


class Cut(BaseException):
    """Where a kill -9 came."""


class CutDatabase(Database):
    """A database whose process ends before or after one of its commits."""

    cut = ""

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        with super().write() as transaction:
            yield transaction
            if self.cut == "before":
                raise Cut
        if self.cut == "after":
            raise Cut


@pytest.fixture(scope="module")
def scanner() -> Iterator[Scanner]:
    made = Scanner()
    yield made
    made.close()


@contextmanager
def installed(data: Path) -> Iterator[Site]:
    database = CutDatabase(data / "stepwell.db")
    yield Site(data, SCOPE.account, "http://127.0.0.1:9", database, Blobs(data / "blobs"))
    database.close()


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    with installed(tmp_path) as site:
        yield site


def begin(site: Site, *, hosts: int = 1, attempt: int = 1, created: float = 50.0, **members: Any) -> Resource:
    """A training job that runs, and is under way."""
    document: Document = {
        "AlgorithmSpecification": {
            "TrainingImage": "python:3.11",
            "TrainingInputMode": "File",
            "MetricDefinitions": [LOSS],
        },
        "RoleArn": "arn:aws:iam::123456789012:role/R",
        "OutputDataConfig": {"S3OutputPath": "s3://data/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": hosts, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "Progress": {"phase": "Running", "attempt": attempt},
        **members,
    }
    with site.database.write() as transaction:
        row = resources.add(transaction, Resource(KEY, "InProgress", created, created, document))
        work.wake(transaction, "job", ARN, created)
    return row


def end(site: Site, row: Resource) -> None:
    """The job is over: its machine has nothing left to do."""
    with site.database.write() as transaction:
        resources.save(transaction, row.with_changes(row.modified + 1, status="Completed"))
        held = work.lease(transaction, ARN, "token", 1e10, 2e10)
        assert held is not None
        work.finish(transaction, held)


def write(site: Site, text: str, host: str = "algo-1", attempt: int = 1) -> None:
    place = folder(site.data, ARN, attempt).host(host)
    place.mkdir(parents=True, exist_ok=True)
    with (place / "log").open("a") as log:
        log.write(text)


def points(site: Site, name: str = "loss") -> list[tuple[float, float]]:
    return job_metrics.live_values(site, ARN, name)


def tails(site: Site) -> list[tuple[str, float]]:
    with site.database.read() as connection:
        return metric_tails.jobs(connection)


def test_values_appear_while_the_job_runs(here: Site, scanner: Scanner) -> None:
    row = begin(here)
    meter = JobMeter(here, scanner)
    meter.look(100.0)
    write(here, "1000 loss=4\n1500 nothing\n2000 loss=3\n3000 lo")
    while meter.look(101.0):
        pass
    assert points(here) == [(1.0, 4.0), (2.0, 3.0)]
    write(here, "ss=2\n")
    while meter.look(102.0):
        pass
    assert points(here) == [(1.0, 4.0), (2.0, 3.0), (3.0, 2.0)]
    with here.database.read() as connection:
        place = Metric("/aws/sagemaker/TrainingJobs", "loss", (("TrainingJobName", "learn"),))
        assert metric_points.page(connection, SCOPE, since=0, limit=10) == [place]
    write(here, "4000 loss=1\n")
    final = job_metrics.finish(here, scanner, ARN, row, pytest.fail)
    assert final == [{"MetricName": "loss", "Value": 1.0, "Timestamp": 4.0}]
    assert job_metrics.finish(here, scanner, ARN, row, pytest.fail) == final
    assert len(points(here)) == 4


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_reader_that_is_cut_off_loses_and_doubles_nothing(here: Site, scanner: Scanner, cut: str) -> None:
    row = begin(here)
    write(here, "1000 loss=4\n2000 loss=3\n")
    (source,) = job_metrics.sources(here, ARN, row)
    assert isinstance(here.database, CutDatabase)
    here.database.cut = cut
    with pytest.raises(Cut):
        job_metrics.read_on(here, scanner, source)
    here.database.cut = ""
    assert len(points(here)) == (2 if cut == "after" else 0)
    final = job_metrics.finish(here, scanner, ARN, row, pytest.fail)
    assert points(here) == [(1.0, 4.0), (2.0, 3.0)]
    assert final[0]["Value"] == 3.0


STEPS = st.tuples(
    st.sampled_from(["algo-1", "algo-2"]),
    st.integers(0, 40),
    st.sampled_from(["", "", "before", "after"]),
    st.integers(0, 1),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(STEPS, max_size=20))
def test_any_order_of_writing_reading_and_dying(
    tmp_path_factory: pytest.TempPathFactory, scanner: Scanner, steps: list[tuple[str, int, str, int]]
) -> None:
    """Hosts write lines in pieces; two readers read and die at any commit; the end comes some time."""
    with installed(tmp_path_factory.mktemp("data")) as site:
        row = begin(site, hosts=2)
        assert isinstance(site.database, CutDatabase)
        rest = {
            host: "".join(f"{1000 + number} loss={place}.{number}\n" for number in range(6))
            for place, host in enumerate(("algo-1", "algo-2"))
        }
        meters = [JobMeter(site, scanner), JobMeter(site, scanner)]
        for host, size, cut, number in steps:
            write(site, rest[host][:size], host)
            rest[host] = rest[host][size:]
            site.database.cut = cut
            try:
                meters[number].look(100.0)
            except Cut:
                meters[number] = JobMeter(site, scanner)
            site.database.cut = ""
        for host, text in rest.items():
            write(site, text, host)
        final = job_metrics.finish(site, scanner, ARN, row, pytest.fail)
        end(site, row)
        meters[0].look(200.0)
        expected = sorted(
            (1 + number / 1000, float(f"{place}.{number}")) for place in range(2) for number in range(6)
        )
        assert sorted(points(site)) == expected
        assert final[0]["Timestamp"] == 1.005
        assert tails(site) == []


def test_readers_at_the_same_time(here: Site) -> None:
    row = begin(here)
    write(here, "".join(f"{number} loss={number}\n" for number in range(1000, 21000)))
    (source,) = job_metrics.sources(here, ARN, row)

    def read() -> None:
        own = Scanner()
        while job_metrics.read_on(here, own, source):
            pass
        own.close()

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert [value for _, value in points(here)] == [float(number) for number in range(1000, 21000)]


def test_what_is_left_when_the_job_is_over_is_read_and_its_tail_goes(here: Site, scanner: Scanner) -> None:
    row = begin(here)
    write(here, "1000 loss=4\n")
    meter = JobMeter(here, scanner)
    meter.look(100.0)
    write(here, "2000 loss=3\n")
    end(here, row)
    assert tails(here) == [(ARN, 50.0)]
    while meter.look(101.0):
        pass
    assert points(here) == [(1.0, 4.0), (2.0, 3.0)]
    assert tails(here) == []


def test_a_job_of_the_same_name_is_another_one(here: Site, scanner: Scanner) -> None:
    row = begin(here)
    write(here, "1000 loss=4\n2000 loss=3\n")
    JobMeter(here, scanner).look(100.0)
    with here.database.write() as transaction:
        resources.remove(transaction, row.key)
    (folder(here.data, ARN, 1).host("algo-1") / "log").unlink()
    begin(here, created=60.0)
    write(here, "3000 loss=2\n")
    JobMeter(here, scanner).look(101.0)
    JobMeter(here, scanner).look(102.0)
    assert points(here) == [(1.0, 4.0), (2.0, 3.0), (3.0, 2.0)]
    assert tails(here) == [(ARN, 60.0)]


def test_every_run_of_a_job_is_read(here: Site, scanner: Scanner) -> None:
    row = begin(here, attempt=2, RetryStrategy={"MaximumRetryAttempts": 1})
    write(here, "1000 loss=9\n", attempt=1)
    write(here, "2000 loss=5\n", attempt=2)
    final = job_metrics.finish(here, scanner, ARN, row, pytest.fail)
    assert [value for _, value in points(here)] == [9.0, 5.0]
    assert final[0]["Value"] == 5.0


def test_patterns_that_cannot_be_used_are_said_once_in_the_log(here: Site, scanner: Scanner) -> None:
    slow = {"Name": "slow", "Regex": "(a+)+$"}
    row = begin(
        here,
        AlgorithmSpecification={
            "TrainingImage": "x",
            "MetricDefinitions": [{"Name": "open", "Regex": "("}, slow, LOSS],
        },
    )
    write(here, "1000 " + "a" * 60 + "! loss=1\n")
    job_metrics.finish(here, scanner, ARN, row, pytest.fail)
    write(here, "2000 " + "a" * 60 + "! loss=2\n")
    final = job_metrics.finish(here, scanner, ARN, row, pytest.fail)
    assert [(each["MetricName"], each["Value"]) for each in final] == [("loss", 2.0)]
    said = (folder(here.data, ARN, 1).host("algo-1") / "log").read_text()
    assert said.count("The metric open is not looked for: it cannot be read") == 1
    assert said.count("The metric slow is not looked for: it took more than 0.1 s with one line.") == 1


def test_without_definitions_nothing_is_read(here: Site, scanner: Scanner) -> None:
    row = begin(here, AlgorithmSpecification={"TrainingImage": "x"})
    write(here, "1000 loss=1\n")
    JobMeter(here, scanner).look(100.0)
    assert job_metrics.finish(here, scanner, ARN, row, pytest.fail) == []
    assert tails(here) == []


class Broken(Scanner):
    """A machine on which no search ends."""

    def search(self, log: Path, position: int, patterns: Any) -> Findings:
        raise ScannerLost("searching a log for metrics failed: no answer")


def test_a_search_that_fails_ends_no_job_and_no_meter(here: Site, scanner: Scanner) -> None:
    row = begin(here)
    write(here, "1000 loss=1\n")
    JobMeter(here, scanner).look(99.0)
    write(here, "2000 loss=2\n")
    said: list[str] = []
    assert JobMeter(here, Broken()).look(100.0) is False
    final = job_metrics.finish(here, Broken(), ARN, row, said.append)
    assert [each["Value"] for each in final] == [1.0]
    assert said == ["Metrics at the end of the log may be missing: searching a log for metrics failed: no answer."]
    end(here, row)
    JobMeter(here, Broken()).look(101.0)
    assert tails(here) == []


def test_the_meter_forgets_what_is_too_old(here: Site, scanner: Scanner) -> None:
    now = 2e9
    with here.database.write() as transaction:
        old, young = Point(now - 456 * 86400, 1.0), Point(now - 454 * 86400, 2.0)
        for name, kept in (("old", [old]), ("both", [old, young])):
            metric_points.add(transaction, SCOPE, [(Metric("mine", name), point) for point in kept])
    JobMeter(here, scanner).look(now)
    with here.database.read() as connection:
        assert metric_points.page(connection, SCOPE, since=0, limit=10) == [Metric("mine", "both")]
        series = metric_points.find(connection, SCOPE, Metric("mine", "both"))
        assert series is not None
        assert [point.value for point in metric_points.values(connection, series, EVER)] == [2.0]


def test_the_thread_outlives_a_bug(here: Site, scanner: Scanner, caplog: pytest.LogCaptureFixture) -> None:
    class Buggy(Scanner):
        def search(self, log: Path, position: int, patterns: Any) -> Findings:
            searched.set()
            raise RuntimeError("a bug")

    searched = threading.Event()
    begin(here)
    write(here, "1000 loss=1\n")
    meter = JobMeter(here, Buggy())
    meter.start()
    assert searched.wait(10)
    meter.stop()
    assert "looking at running jobs failed" in caplog.text


def test_patterns_are_those_of_the_definitions(here: Site) -> None:
    row = begin(here)
    (source,) = job_metrics.sources(here, ARN, row)
    assert source.patterns == [Pattern("loss", "loss=([0-9.]+)", "loss=")]
