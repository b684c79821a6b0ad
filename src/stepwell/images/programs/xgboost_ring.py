"""Room images, inside the container: XGBoost on several hosts. In: the job's hosts, and whether this one has data.
Out: xgboost's workers joined to a ring, in which boosting is the same call as on one host.

xgboost has its own protocol between workers and a tracker that tells them of each other, by three interfaces since
0.90; AWS's container uses the same ones (distributed.py of aws/sagemaker-xgboost-container). Hosts without data stay
out, the first with data is the master: it writes the model, as in AWS's.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import meeting
from .contract import package
from .meeting import Hosts
from .xgboost_hyperparameters import UserError

_PATIENCE_SECONDS = 600
_SUM = 2
"""What every release calls the sum, those before 1.2 without a name for it."""


@dataclass(frozen=True)
class Tracker:
    """What tells workers of each other: where it listens, and what waits until they are through."""

    port: int
    wait: Callable[[], None]


@dataclass(frozen=True)
class Ring:
    """What boosting has to know of the other hosts."""

    size: int = 1
    is_master: bool = True

    def mean(self, value: float) -> float:
        """The mean of what all hosts have computed on their own rows, as xgboost takes it of custom metrics."""
        if self.size == 1:
            return value
        numpy = package("numpy")
        talk = _talk()
        total = talk.allreduce(numpy.array([value], dtype="float64"), _SUM)
        return float(total[0]) / self.size


ALONE = Ring()


@contextmanager
def joined(hosts: Hosts, has_data: bool) -> Iterator[Ring | None]:
    """The ring of all hosts with data; None on a host that is not in it. Raises UserError."""
    trackers: list[Tracker] = []

    def prepare(words: meeting.Words) -> int:
        workers = sum(map(bool, words.values()))
        if workers > 1:
            trackers.append(_tracker(meeting.address(hosts.first), workers))
        return trackers[0].port if trackers else 0

    try:
        words, port = meeting.gather(hosts, has_data, prepare)
    except meeting.Unreachable as error:
        raise UserError(
            f"Host {error} cannot be reached. With EnableNetworkIsolation the hosts of a job are apart from each"
            " other here; train without it, or on one instance."
        ) from error
    members = tuple(name for name in hosts.names if words[name])
    if not members:
        raise UserError("No hosts received training data.")
    if hosts.current not in members:
        yield None
    elif len(members) == 1:
        yield ALONE
    else:
        with _worker(meeting.address(hosts.first), port, members.index(hosts.current)):
            yield Ring(len(members), hosts.current == members[0])
    for tracker in trackers:
        tracker.wait()


def _talk() -> Any:
    """The module that workers speak to each other with."""
    return package("xgboost.rabit" if _release() < (1, 7) else "xgboost.collective")


def _release() -> tuple[int, ...]:
    return tuple(int(part) for part in package("xgboost").__version__.split(".")[:2])


def _tracker(address: str, workers: int) -> Tracker:
    """Start a tracker."""
    if _release() >= (2, 0):
        modern = package("xgboost.tracker").RabitTracker(workers, address, sortby="task")
        modern.start()
        return Tracker(int(modern.worker_args()["dmlc_tracker_port"]), modern.wait_for)
    old = _old_tracker()(address, workers)
    old.start(workers)
    return Tracker(old.port, lambda: old.thread.join())


def _old_tracker() -> Any:
    """The tracker of releases before 2.0; 0.90 has it among its sources only."""
    if _release() >= (1, 0):
        return package("xgboost.tracker").RabitTracker
    folder = Path(package("xgboost").__file__).parent
    place = folder / "dmlc-core" / "tracker" / "dmlc_tracker" / "tracker.py"
    found = importlib.util.spec_from_file_location("dmlc_tracker", place)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module.RabitTracker


@contextmanager
def _worker(address: str, port: int, number: int) -> Iterator[None]:
    """This process as a worker of the tracker at `address`."""
    talk = _talk()
    told = {"DMLC_TRACKER_URI": address, "DMLC_TRACKER_PORT": port, "DMLC_TASK_ID": str(number)}
    if _release() >= (2, 0):
        talk.init(**{name.lower(): value for name, value in told.items()}, dmlc_timeout=_PATIENCE_SECONDS)
    elif _release() >= (1, 7):
        talk.init(**told)
    else:
        talk.init([f"{name}={value}".encode() for name, value in told.items()])
    yield
    talk.finalize()  # not after a failure: that would wait for the others, who wait for this one
