"""XGBoost on several hosts: as many processes, each with a tree and an address of its own, in real environments."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import threading
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from images_support import Container

from stepwell.images import commands
from stepwell.images.environments import Environment
from stepwell.images.programs import meeting
from stepwell.images.programs.meeting import Hosts

ALWAYS = ("1.2-1", "1.7-1", "3.0-5")
TAGS = ("0.90-1", "1.0-1", "1.2-1", "1.3-1", "1.5-1", "1.7-1", "3.0-5", "3.2-0")
PARAMETERS = {"objective": "binary:logistic", "num_round": "4", "max_depth": "2", "eval_metric": "error,f1"}
ADDRESS = "127.99.7.{}"
"""A name that every machine resolves: its own."""
SECONDS = 120
PREDICT = """
import pickle, sys, numpy, xgboost
path = sys.argv[1] + "/xgboost-model"
if tuple(map(int, xgboost.__version__.split(".")[:2])) < (1, 3):
    model = pickle.load(open(path, "rb"))
else:
    model = xgboost.Booster()
    model.load_model(path)
print(*model.predict(xgboost.DMatrix(numpy.array([[0.1, 0.5, 0.5], [0.9, 0.5, 0.5]]))))
"""


@pytest.fixture(params=TAGS)
def environment(request: pytest.FixtureRequest, environment_of: Callable[[str], Environment]) -> Environment:
    if request.param not in ALWAYS and not os.environ.get("STEPWELL_TEST_ALL_IMAGES"):
        pytest.skip("set STEPWELL_TEST_ALL_IMAGES=1 to download and try every release")
    return environment_of(f"sagemaker-xgboost:{request.param}")


@pytest.fixture
def one(environment_of: Callable[[str], Environment]) -> Environment:
    return environment_of("sagemaker-xgboost:1.7-1")


def rows(seed: int, low: float = 0.0, high: float = 1.0) -> str:
    """CSV whose label says whether the first feature, from `low` to `high`, is above a half."""
    dice = random.Random(seed)
    features = [[dice.uniform(low, high), dice.random(), dice.random()] for _ in range(60)]
    return "".join(f"{int(row[0] > 0.5)},{','.join(f'{each:.4f}' for each in row)}\n" for row in features)


class Cluster:
    """Hosts of one job."""

    def __init__(self, folder: Path, count: int) -> None:
        self.names = [ADDRESS.format(number + 1) for number in range(count)]
        self.hosts = [Container(folder / name) for name in self.names]
        self.job = f"job-{uuid.uuid4()}"
        for name, host in zip(self.names, self.hosts, strict=True):
            host.hyperparameters = dict(PARAMETERS)
            host.resources = {**host.resources, "hosts": self.names, "current_host": name}

    def run(self, python: Path) -> list[tuple[int, str, str]]:
        """Exit code, output and errors of each host."""
        processes = []
        for host in self.hosts:
            host.configure()
            variables = {**host.environment(), "TRAINING_JOB_NAME": self.job, "OMP_NUM_THREADS": "1"}
            command = [str(python), str(commands.PROGRAMS), "xgboost", "train"]
            pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
            processes.append(subprocess.Popen(command, cwd="/", env=variables, **pipes))
        try:
            said = [process.communicate(timeout=SECONDS) for process in processes]
        finally:
            for process in processes:
                process.kill()
        return [(process.returncode, *each) for process, each in zip(processes, said, strict=True)]


def models(cluster: Cluster) -> list[bool]:
    return [(host.root / "model" / "xgboost-model").exists() for host in cluster.hosts]


def metric_lines(output: str) -> list[str]:
    return [line for line in output.splitlines() if "#011" in line]


def test_hosts_train_one_model_on_all_their_rows(tmp_path: Path, environment: Environment) -> None:
    """One has seen label 0 only, the other label 1 only: alone they could learn nothing."""
    cluster = Cluster(tmp_path, 2)
    cluster.hosts[0].channel("train", a_csv=rows(1, high=0.5))
    cluster.hosts[1].channel("train", a_csv=rows(2, low=0.51))
    ended = cluster.run(environment.python)
    assert [code for code, _, _ in ended] == [0, 0], ended
    assert models(cluster) == [True, False]
    found = [metric_lines(output) for _, output, _ in ended]
    assert [len(lines) for lines in found] == [4, 0]
    assert all("train-error:" in line and "train-f1:" in line for line in found[0])
    command = [str(environment.python), "-W", "ignore", "-c", PREDICT, str(cluster.hosts[0].root / "model")]
    low, high = map(float, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert low < 0.5 < high


def test_hosts_without_data_stay_out_and_the_next_is_master(tmp_path: Path, one: Environment) -> None:
    cluster = Cluster(tmp_path, 3)
    cluster.hosts[0].channel("train")
    for number in (1, 2):
        cluster.hosts[number].channel("train", a_csv=rows(number))
    ended = cluster.run(one.python)
    assert [code for code, _, _ in ended] == [0, 0, 0], ended
    assert models(cluster) == [False, True, False]
    assert "does not have data in the train channel" in ended[0][2]
    assert [len(metric_lines(output)) for _, output, _ in ended] == [0, 4, 0]


def test_one_host_with_data_trains_alone(tmp_path: Path, one: Environment) -> None:
    cluster = Cluster(tmp_path, 2)
    cluster.hosts[0].channel("train")
    cluster.hosts[1].channel("train", a_csv=rows(1))
    ended = cluster.run(one.python)
    assert [code for code, _, _ in ended] == [0, 0], ended
    assert models(cluster) == [False, True]


def test_no_data_anywhere_fails_everywhere(tmp_path: Path, one: Environment) -> None:
    cluster = Cluster(tmp_path, 2)
    for host in cluster.hosts:
        host.channel("train")
    assert [code for code, _, _ in cluster.run(one.python)] == [1, 1]
    assert "No hosts received training data." in (cluster.hosts[1].root / "output" / "failure").read_text()


def test_hosts_keep_one_checkpoint_and_stop_early_together(tmp_path: Path, one: Environment) -> None:
    cluster = Cluster(tmp_path, 2)
    for number, host in enumerate(cluster.hosts):
        host.channel("train", a_csv=rows(number))
        host.channel("validation", a_csv=rows(number + 9))
        host.hyperparameters |= {"num_round": "60", "early_stopping_rounds": "3"}
        host.checkpoints = {"LocalPath": str(host.root / "points")}
    ended = cluster.run(one.python)
    assert [code for code, _, _ in ended] == [0, 0], ended
    assert len(metric_lines(ended[0][1])) < 60
    assert [(host.root / "points").exists() for host in cluster.hosts] == [True, False]


def test_a_host_that_nobody_knows_is_named(tmp_path: Path, one: Environment) -> None:
    cluster = Cluster(tmp_path, 1)
    cluster.hosts[0].resources["hosts"] = [*cluster.names, "algo-99.invalid"]
    cluster.hosts[0].channel("train", a_csv=rows(1))
    (code, _, _), *_ = cluster.run(one.python)
    assert code == 1
    assert "Host algo-99.invalid cannot be reached." in (cluster.hosts[0].root / "output" / "failure").read_text()


def met(hosts: Sequence[Hosts]) -> dict[str, Any]:
    """What each host learns, the first one arriving last."""
    found: dict[str, Any] = {}

    def one(each: Hosts) -> None:
        found[each.current] = meeting.gather(each, f"word of {each.current}", lambda words: len(words))

    threads = [threading.Thread(target=one, args=(each,)) for each in reversed(hosts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    return found


def test_everybody_learns_what_everybody_says() -> None:
    names = tuple(ADDRESS.format(number) for number in range(1, 5))
    job = f"job-{uuid.uuid4()}"
    expected = ({name: f"word of {name}" for name in names}, 4)
    assert met([Hosts(job, names, name) for name in names]) == dict.fromkeys(names, expected)


def test_strangers_at_the_door_are_not_heard() -> None:
    names = tuple(ADDRESS.format(number) for number in (1, 2))
    job = f"job-{uuid.uuid4()}"
    hosts = [Hosts(job, names, name) for name in names]
    found: list[Any] = []
    leader = threading.Thread(target=lambda: found.append(meeting.gather(hosts[0], 1, lambda words: "ready")))
    leader.start()
    for noise in (b"GET / HTTP/1.1\r\n\r\n", b'{"job": "other", "host": "x", "word": 1}\n', b"[]\n", b""):
        _say(hosts[0], noise)
    assert meeting.gather(hosts[1], 2, lambda words: None) == ({names[0]: 1, names[1]: 2}, "ready")
    leader.join(SECONDS)
    assert found == [({names[0]: 1, names[1]: 2}, "ready")]


def _say(leader: Hosts, noise: bytes) -> None:
    for _ in range(1000):
        try:
            with socket.create_connection((leader.first, leader.port)) as connection:
                connection.sendall(noise)
                return
        except ConnectionRefusedError:
            threading.Event().wait(0.01)
    raise AssertionError("nobody listens")
