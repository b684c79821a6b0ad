"""Turn a log of purchases into one row of features per customer, and say who never came back.

Runs as a SageMaker Processing job (scikit-learn image). In: the CDNOW purchase log, one line per purchase:
customer, date (YYYYMMDD), number of CDs, dollars. Out: train, validation and test CSV files as XGBoost wants
them: no header, the label in the first column. A customer has churned (label 1) when they buy nothing after the
cut-off date; features see only what happened up to it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
from sklearn.model_selection import train_test_split

COLUMNS = ["customer", "date", "discs", "dollars"]


def read_purchases(folder: Path) -> pd.DataFrame:
    """Every purchase in the one text file of `folder`, oldest first."""
    (log,) = sorted(folder.glob("*.txt"))
    purchases = pd.read_csv(log, sep=r"\s+", names=COLUMNS, skiprows=1, dtype={"customer": str, "date": str})
    purchases["date"] = pd.to_datetime(purchases["date"], format="%Y%m%d")
    return purchases.sort_values(["customer", "date"])


def customer_features(purchases: pd.DataFrame, cutoff: pd.Timestamp) -> pd.DataFrame:
    """One row per customer seen up to `cutoff`. Spans are in days, money in dollars."""
    gaps = purchases.groupby("customer")["date"].diff().dt.days
    quarter = purchases[purchases["date"] > cutoff - pd.Timedelta(days=91)].groupby("customer")
    customers = purchases.assign(gap=gaps).groupby("customer")
    first, last = customers["date"].min(), customers["date"].max()
    features = pd.DataFrame(
        {
            "recency": (cutoff - last).dt.days,
            "tenure": (cutoff - first).dt.days,
            "active_span": (last - first).dt.days,
            "frequency": customers["date"].nunique(),
            "discs": customers["discs"].sum(),
            "dollars": customers["dollars"].sum(),
            "mean_dollars": customers["dollars"].mean(),
            "largest_dollars": customers["dollars"].max(),
            "last_dollars": customers["dollars"].last(),
            "mean_gap": customers["gap"].mean(),
            "longest_gap": customers["gap"].max(),
        }
    )
    features["quarter_frequency"] = quarter["date"].nunique()
    features["quarter_dollars"] = quarter["dollars"].sum()
    # Who bought once has no gap yet: the time since then is the best that is known. No empty cells remain, since
    # CSV readers disagree about what an empty cell means.
    features = features.fillna({"quarter_frequency": 0, "quarter_dollars": 0})
    for gap in ("mean_gap", "longest_gap"):
        features[gap] = features[gap].fillna(features["tenure"])
    features["silence_ratio"] = features["recency"] / features["mean_gap"].clip(lower=1)
    return features


def labelled(purchases: pd.DataFrame, cutoff: pd.Timestamp) -> pd.DataFrame:
    """The features with the label `churned` (0 or 1) as first column."""
    known, later = purchases[purchases["date"] <= cutoff], purchases[purchases["date"] > cutoff]
    rows = customer_features(known, cutoff)
    rows.insert(0, "churned", (~rows.index.isin(later["customer"].unique())).astype(int))
    return rows


def write_splits(rows: pd.DataFrame, folder: Path) -> None:
    """70 % train, 15 % validation, 15 % test, with the same share of churners in each."""
    train, rest = train_test_split(rows, test_size=0.3, random_state=7, stratify=rows["churned"])
    validation, test = train_test_split(rest, test_size=0.5, random_state=7, stratify=rest["churned"])
    for name, part in {"train": train, "validation": validation, "test": test}.items():
        target = folder / name
        target.mkdir(parents=True, exist_ok=True)
        part.to_csv(target / f"{name}.csv", header=False, index=False)
        print(f"{name}: {len(part)} customers, {part['churned'].mean():.1%} of them churned", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cutoff", default="1997-09-30", help="last day that features may see")
    parser.add_argument("--folder", type=Path, default=Path("/opt/ml/processing"))
    options = parser.parse_args()
    purchases = read_purchases(options.folder / "input" / "purchases")
    print(f"{len(purchases)} purchases of {purchases['customer'].nunique()} customers", flush=True)
    write_splits(labelled(purchases, pd.Timestamp(options.cutoff)), options.folder)


if __name__ == "__main__":
    main()
