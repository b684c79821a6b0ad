"""Judge a trained churn model on customers it has never seen.

Runs as a SageMaker Processing job (XGBoost image). In: model.tar.gz as the training job left it, and the test CSV
file (label first). Out: evaluation.json in the layout of Model Monitor's binary classification metrics, which the
pipeline's condition reads as a property file and the model registry shows beside the model.
"""

from __future__ import annotations

import argparse
import json
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost
from sklearn.metrics import accuracy_score, confusion_matrix, precision_score, recall_score, roc_auc_score


def load_model(archive: Path) -> xgboost.Booster:
    """The booster that the algorithm saved as `xgboost-model` in `archive`."""
    with tarfile.open(archive) as members:
        model = members.extractfile("xgboost-model")
        if model is None:
            raise SystemExit(f"{archive} holds no file xgboost-model")
        booster = xgboost.Booster()
        booster.load_model(bytearray(model.read()))
    return booster


def metrics(labels: np.ndarray, scores: np.ndarray) -> dict[str, object]:
    """The report; `scores` are probabilities of churn, and 0.5 or more counts as a prediction of it."""
    predicted = (scores >= 0.5).astype(int)
    kept, alarmed, missed, caught = (int(count) for count in confusion_matrix(labels, predicted).ravel())
    values = {
        "auc": roc_auc_score(labels, scores),
        "accuracy": accuracy_score(labels, predicted),
        "precision": precision_score(labels, predicted),
        "recall": recall_score(labels, predicted),
    }
    report: dict[str, object] = {
        name: {"value": float(value), "standard_deviation": "NaN"} for name, value in values.items()
    }
    report["confusion_matrix"] = {"0": {"0": kept, "1": alarmed}, "1": {"0": missed, "1": caught}}
    return {"binary_classification_metrics": report}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("/opt/ml/processing"))
    folder = parser.parse_args().folder
    booster = load_model(folder / "model" / "model.tar.gz")
    test = pd.read_csv(folder / "test" / "test.csv", header=None)
    scores = booster.predict(xgboost.DMatrix(test.iloc[:, 1:].to_numpy()))
    report = metrics(test.iloc[:, 0].to_numpy(), scores)
    target = folder / "evaluation"
    target.mkdir(parents=True, exist_ok=True)
    (target / "evaluation.json").write_text(json.dumps(report, indent=2))
    print(json.dumps(report, indent=2), flush=True)


if __name__ == "__main__":
    main()
