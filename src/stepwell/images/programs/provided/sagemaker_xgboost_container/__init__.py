"""What scripts of the XGBoost image import from AWS's container: distributed.rabit_run, data_utils.get_dmatrix."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

_PROGRAMS = Path(__file__).resolve().parents[2]


def program(name: str) -> Any:
    """A module of ours, whatever the folder of the programs is called here."""
    if str(_PROGRAMS.parent) not in sys.path:
        sys.path.append(str(_PROGRAMS.parent))
    return importlib.import_module(f"{_PROGRAMS.name}.{name}")
