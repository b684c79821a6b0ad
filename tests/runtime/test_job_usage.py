"""What running containers use: read from real processes, and made points."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepwell.base import clock
from stepwell.base.arn import Scope
from stepwell.launchers import processes, records, usage
from stepwell.launchers.usage import GpuUsage
from stepwell.runtime import job_usage
from stepwell.runtime.job_sampling import Sampler
from stepwell.runtime.job_usage import Host, Reading
from stepwell.services.registry import Site
from stepwell.store import metric_points
from stepwell.store.metric_points import Metric, Span

SCOPE = Scope("123456789012", "eu-west-1")
SPACE = "/aws/sagemaker/TrainingJobs"
SUPERVISOR = """
import os, sys, time

def child(work):
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    return pid

def burn():
    until = time.process_time() + 0.3
    while time.process_time() < until:
        sum(range(1000))

def hold():
    held = bytearray(64 << 20)
    os.waitpid(child(burn), 0)
    print("burnt", flush=True)
    sys.stdin.read()

os.waitpid(child(burn), 0)
os.waitpid(child(hold), 0)
"""


def host(folder: Path, **members: bool) -> Host:
    asked = {"is_accelerated": False, "shows_disk": True, **members}
    return Host(SCOPE, SPACE, "learn/algo-1", folder, 1 << 30, **asked)


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Path]:
    """The folder of a supervisor whose living child holds 64 MiB; its dead child and grandchild burnt 0.3 s each."""
    command = [sys.executable, "-c", SUPERVISOR]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        assert supervisor.stdout.readline() == "burnt\n"
        (tmp_path / records.STARTED).touch()
        (tmp_path / records.LOCK).write_text(f"{supervisor.pid} {processes.start_time(supervisor.pid)}\n")
        yield tmp_path
        supervisor.communicate("")


def test_processor_time_of_the_dead_and_memory_of_the_living(busy: Path) -> None:
    used = usage.read(busy)
    assert used is not None
    assert 0.55 <= used.cpu_seconds < 5
    assert 64 << 20 <= used.memory_bytes < 512 << 20
    assert usage.began(busy) == pytest.approx(clock.now(), abs=60)


def test_a_container_that_does_not_run_uses_nothing_that_could_be_told(tmp_path: Path) -> None:
    assert (usage.read(tmp_path), usage.began(tmp_path)) == (None, None)
    (tmp_path / records.LOCK).write_text("999999999 1\n")
    assert usage.read(tmp_path) is None


def test_points_of_two_readings(tmp_path: Path) -> None:
    before = Reading(100.0, 5.0, 0, 0.0)
    now = Reading(110.0, 20.0, 1 << 29, 37.5, GpuUsage(150.0, 30.0))
    place = (("Host", "learn/algo-1"),)
    found = {metric.name: point.value for metric, point in job_usage.points(host(tmp_path), before, now)}
    assert found == {"CPUUtilization": 150.0, "MemoryUtilization": 50.0, "DiskUtilization": 37.5}
    accelerated = job_usage.points(host(tmp_path, is_accelerated=True, shows_disk=False), before, now)
    assert {(metric, point.value, point.unit, point.moment) for metric, point in accelerated} == {
        (Metric(SPACE, "CPUUtilization", place), 150.0, "Percent", 110.0),
        (Metric(SPACE, "MemoryUtilization", place), 50.0, "Percent", 110.0),
        (Metric(SPACE, "GPUUtilization", place), 150.0, "Percent", 110.0),
        (Metric(SPACE, "GPUMemoryUtilization", place), 30.0, "Percent", 110.0),
    }
    assert job_usage.points(host(tmp_path), now, now) == []


@pytest.mark.parametrize(("age", "seconds"), [(0.0, 1.0), (3.0, 3.0), (500.0, 10.0)])
def test_young_hosts_are_looked_at_more_often(age: float, seconds: float) -> None:
    assert job_usage.next_look(age) == seconds


def test_samples_are_kept_when_they_are_due(busy: Path, site: Site) -> None:
    sampler, began = Sampler(site, None), usage.began(busy)
    assert began is not None

    def times() -> list[float]:
        with site.database.read() as connection:
            series = metric_points.find(
                connection, SCOPE, Metric(SPACE, "CPUUtilization", (("Host", "learn/algo-1"),))
            )
            if series is None:
                return []
            return [point.moment - began for point in metric_points.values(connection, series, Span(0, 1e11, 60))]

    for age in (0.1, 1.0, 1.5, 2.0, 3.0, 4.0):
        sampler.sample([host(busy)], began + age)
    assert times() == pytest.approx([1.0, 2.0, 4.0], abs=0.002)
    sampler.sample([], began + 5)
    sampler.sample([host(busy)], began + 300)
    assert len(times()) == 3, "after a gap the first reading is only something to compare with"
    sampler.sample([host(busy)], began + 310)
    assert times()[3:] == pytest.approx([310.0], abs=0.002)


@pytest.mark.parametrize(
    ("table", "found"),
    [
        ("35, 1024, 4096\n65, 4096, 4096\n", GpuUsage(100.0, 125.0)),
        ("[N/A], [N/A], [N/A]\n10, 0, 0\n", GpuUsage(10.0, 0.0)),
        ("No devices were found\n", None),
        ("", None),
    ],
)
def test_what_nvidia_smi_says(table: str, found: GpuUsage | None) -> None:
    assert usage.parse_gpus(table) == found


def test_a_machine_without_accelerators_is_not_asked() -> None:
    if usage.GPU_DEVICE.exists():
        pytest.skip("this machine has an accelerator")
    assert usage.read_gpus() is None
    assert os.sysconf("SC_CLK_TCK") == usage.TICKS
