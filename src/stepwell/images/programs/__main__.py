"""Room images, inside the container: `python /opt/stepwell <entry> <task>` starts here and exits with the job's code.

Python runs this file as a plain script; it makes the folder it stands in a package again, whatever the mount is
called, so that the programs can import each other.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

_MODULES = {
    "script-mode": "script_mode",
    "pytorch": "pytorch",
    "tensorflow": "tensorflow",
    "xgboost": "xgboost_algorithm",
    "linear-learner": "linear_learner",
    "kmeans": "kmeans",
    "pca": "pca",
    "randomcutforest": "random_cut_forest",
    "knn": "knn",
    "python": "plain",
}


def main(entry: str, task: str) -> int:
    """Run `task` (train or process) of the program `entry`. Answers the exit code."""
    folder = Path(__file__).resolve().parent
    sys.path[0] = str(folder.parent)
    package = importlib.import_module(folder.name)
    del sys.path[0]
    module = "plain" if task == "process" else _MODULES[entry]
    program = importlib.import_module(f"{package.__name__}.{module}")
    return int(getattr(program, task)())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
