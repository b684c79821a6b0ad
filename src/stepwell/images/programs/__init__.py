"""The programs that run inside a container, under the environment's Python: script mode with its frameworks, XGBoost,
the built-in algorithms, plain.

This folder is mounted alone, so it may import: the standard library (3.11), itself by relative imports, and lazily
what the environment holds (boto3, numpy, pandas, pyarrow, scikit-learn, xgboost). Never stepwell.
To add a program: a module with `train() -> int`, and its entry in `__main__.py`; an algorithm: see `algorithms.py`.
"""
