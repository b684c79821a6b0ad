"""Room images, inside the container: trained models of the built-in algorithms, in a format of Stepwell's own. In: a
folder. Out: `Model`, and back.

AWS's algorithms leave serialised MXNet in `model_algo-1`, which nothing current reads. Ours leave
`stepwell-model.json` (which algorithm, its hyperparameters) and `stepwell-model.npz` (numpy arrays, no pickles).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .contract import package

ABOUT, ARRAYS = "stepwell-model.json", "stepwell-model.npz"
FORMAT = 1


@dataclass(frozen=True)
class Model:
    """What an algorithm has learnt."""

    algorithm: str
    hyperparameters: Mapping[str, Any]
    arrays: Mapping[str, Any]


def save(model: Model, folder: Path) -> None:
    """Write the model into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    about = {
        "format": f"stepwell-algorithm {FORMAT}",
        "algorithm": model.algorithm,
        "hyperparameters": dict(model.hyperparameters),
    }
    with (folder / ARRAYS).open("wb") as file:
        package("numpy").savez(file, **model.arrays)
    (folder / ABOUT).write_text(json.dumps(about, indent=2), encoding="utf-8")


def load(folder: Path) -> Model:
    """The model in `folder`. Raises OSError and ValueError."""
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    if about.get("format") != f"stepwell-algorithm {FORMAT}":
        raise ValueError(f"{ABOUT}: expected format stepwell-algorithm {FORMAT}, found {about.get('format')!r}")
    with package("numpy").load(folder / ARRAYS, allow_pickle=False) as arrays:
        return Model(about["algorithm"], about["hyperparameters"], {name: arrays[name] for name in arrays.files})
