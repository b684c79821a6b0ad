"""Room container: metrics of a training job. In: MetricDefinitions and the job's log. Out: FinalMetricDataList.

The patterns are the client's, and a bad one can take forever without letting go of the interpreter: they run in a
small process of their own (`metrics_scan.py`) that is killed when it takes too long.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from stepwell.base.documents import Document

SCAN = Path(__file__).with_name("metrics_scan.py")
SECONDS = 60.0

XGBOOST_METRICS = (
    "accuracy", "auc", "aucpr", "balanced_accuracy", "error", "f1", "f1_macro", "logloss", "mae", "map", "mape",
    "merror", "mlogloss", "mse", "ndcg", "precision", "r2", "recall", "rmse", "rmsle",
)  # fmt: skip
"""What the built-in algorithm is mostly told to evaluate (spec 03, section 8). For train and validation together
these are 40 definitions, as many as a client may give, so that a Describe answer can be made a request again."""


class TooSlow(Exception):
    """The definitions could not be applied to the whole log in time."""


def xgboost_definitions() -> list[Document]:
    """The service's own MetricDefinitions of the built-in XGBoost: `train:rmse` for `[0]<tab>train-rmse:8.09`."""
    number = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"
    return [
        {"Name": f"{part}:{metric}", "Regex": rf"\[[0-9]+\].*(?:#011|\t){part}-{metric}:{number}"}
        for part in ("train", "validation")
        for metric in XGBOOST_METRICS
    ]


def final_values(definitions: Sequence[Document], logs: Sequence[Path]) -> list[Document]:
    """The last value of each metric in these logs, in the order of the definitions. Raises TooSlow."""
    if not definitions:
        return []
    task = {
        "definitions": [[each["Name"], each["Regex"]] for each in definitions],
        "logs": [str(log) for log in logs],
    }
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(SCAN)],
            input=json.dumps(task).encode(),
            stdout=subprocess.PIPE,
            timeout=SECONDS,
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise TooSlow(f"applying the metric definitions took longer than {SECONDS:.0f} seconds") from error
    found = json.loads(done.stdout)
    return [{"MetricName": name, "Value": value, "Timestamp": moment} for name, value, moment in found]
