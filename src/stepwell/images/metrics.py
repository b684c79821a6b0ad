"""Room images: the metric definitions the service has for its own algorithms. In: an `Image`. Out: MetricDefinitions
as DescribeTrainingJob shows them; the job's log lines are searched for them (spec 03, section 3). Pure.

The form of the expressions is what DescribeTrainingJob answers for XGBoost on AWS
(github.com/aws/sagemaker-xgboost-container/issues/121).
"""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.images.catalog import Image
from stepwell.images.programs.xgboost_hyperparameters import MAXIMIZED, MINIMIZED

_NUMBER = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"


def metric_definitions(image: Image) -> list[Document]:
    """The definitions of `image`: of the XGBoost algorithm, or none. In script mode they simply never match."""
    if image.entry != "xgboost":
        return []
    return [
        {"Name": f"{data}:{metric}", "Regex": rf".*\[[0-9]+\].*#011{data}-{metric}:{_NUMBER}.*"}
        for data in ("train", "validation")
        for metric in sorted((*MAXIMIZED, *MINIMIZED))
    ]
