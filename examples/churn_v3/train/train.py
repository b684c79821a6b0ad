"""Train boosted trees that tell who will not come back.

Runs as a SageMaker Training job (XGBoost image, script mode). In: the channels `train` and `validation`, CSV with the
label first, and hyperparameters as arguments. Out: the booster as `xgboost-model`, the file that AWS's own algorithm
leaves too, and a line per round from which the metrics `train:auc` and `validation:auc` are read.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pandas as pd
import xgboost


def read_channel(name: str) -> xgboost.DMatrix:
    """Every CSV file of a channel; SM_CHANNEL_<NAME> says where it lies."""
    files = sorted(Path(os.environ[f"SM_CHANNEL_{name.upper()}"]).glob("*.csv"))
    rows = pd.concat(pd.read_csv(file, header=None) for file in files)
    return xgboost.DMatrix(rows.iloc[:, 1:].to_numpy(), label=rows.iloc[:, 0].to_numpy())


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--max-depth", type=int, default=4)
    parser.add_argument("--eta", type=float, default=0.05)
    parser.add_argument("--subsample", type=float, default=0.8)
    parser.add_argument("--min-child-weight", type=float, default=5)
    return parser.parse_args()


def main() -> None:
    options = read_options()
    train, validation = read_channel("train"), read_channel("validation")
    booster = xgboost.train(
        {
            "objective": "binary:logistic",
            "eval_metric": "auc",
            "seed": 7,
            "max_depth": options.max_depth,
            "eta": options.eta,
            "subsample": options.subsample,
            "min_child_weight": options.min_child_weight,
        },
        train,
        num_boost_round=options.rounds,
        evals=[(train, "train"), (validation, "validation")],
        early_stopping_rounds=20,
    )
    booster.save_model(Path(os.environ["SM_MODEL_DIR"]) / "xgboost-model")


if __name__ == "__main__":
    main()
