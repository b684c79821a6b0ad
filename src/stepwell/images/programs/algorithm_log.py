"""Room images, inside the container: the log lines of the built-in algorithms, in the form the service's metric
definitions look for. In: names and numbers. Out: lines on stdout, such as
`[05/16/2021 12:27:47 INFO 140141566281536] #quality_metric: host=algo-1, train msd <loss>=0.064`.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from logging import Logger

_FORM, _DATES = "[%(asctime)s %(levelname)s %(thread)d] %(message)s", "%m/%d/%Y %H:%M:%S"


class Journal:
    """Where one host's algorithm writes."""

    def __init__(self, algorithm: str, host: str) -> None:
        logging.basicConfig(format=_FORM, level=logging.INFO, stream=sys.stdout, datefmt=_DATES, force=True)
        self._log: Logger = logging.getLogger("algorithm")
        self._algorithm = algorithm
        self._host = host
        self._began = time.time()

    def say(self, text: str, *values: object) -> None:
        """A plain line."""
        self._log.info(text, *values)

    def warn(self, text: str, *values: object) -> None:
        """A warning."""
        self._log.warning(text, *values)

    def fail(self, text: str) -> None:
        """What ended the job."""
        self._log.error("%s", text)

    def loss(self, data: str, name: str, value: float, epoch: int | None = None) -> None:
        """A metric that is better when it is smaller; of an epoch, or the final one."""
        self._quality(data, name, "loss", value, epoch)

    def score(self, data: str, name: str, value: float) -> None:
        """A final metric that is better when it is larger."""
        self._log.info("#%s_score (%s) : ('%s', %s)", data, self._host, name, float(value))
        self._quality(data, name, "score", value, None)

    def _quality(self, data: str, name: str, kind: str, value: float, epoch: int | None) -> None:
        when = "" if epoch is None else f"epoch={epoch}, "
        self._log.info("#quality_metric: host=%s, %s%s %s <%s>=%s", self._host, when, data, name, kind, float(value))

    def progress(self, done: int, epochs: int) -> None:
        """How far training is."""
        self._log.info(
            "#progress_metric: host=%s, completed %s %% of epochs", self._host, round(100 * done / epochs, 1)
        )

    def throughput(self, records: int, seconds: float) -> None:
        """How fast it is."""
        rate = records / max(seconds, 1e-9)
        self._log.info("#throughput_metric: host=%s, train throughput=%s records/second", self._host, rate)

    def total(self) -> None:
        """The machine-readable line that AWS's algorithms end with."""
        now = time.time()
        milliseconds = (now - self._began) * 1000
        summary = {"sum": milliseconds, "count": 1, "min": milliseconds, "max": milliseconds}
        dimensions = {"Algorithm": self._algorithm, "Host": self._host, "Operation": "training"}
        document = {
            "StartTime": self._began,
            "EndTime": now,
            "Dimensions": dimensions,
            "Metrics": {"totaltime": summary},
        }
        print(f"#metrics {json.dumps(document)}", flush=True)
