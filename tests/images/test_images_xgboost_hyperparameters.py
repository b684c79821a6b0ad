"""Hyperparameters and channels of the XGBoost algorithm: typed, or refused in the words of AWS's container."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.images import catalog, metrics
from stepwell.images.programs.xgboost_boosting import metric_line
from stepwell.images.programs.xgboost_channels import content_form
from stepwell.images.programs.xgboost_hyperparameters import MAXIMIZED, MINIMIZED, RULES, UserError, validated


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({}, {}),
        ({"eta": "0.2", "max_depth": "5"}, {"eta": 0.2, "max_depth": 5}),
        ({"learning_rate": "0.2", "reg_lambda": "1", "reg_alpha": "0", "min_split_loss": "4"}, None),
        ({"objective": "binary:logistic", "eval_metric": "auc,error@0.3"}, None),
        ({"monotone_constraints": "(1, -1)", "tree_method": "hist"}, None),
        ({"interaction_constraints": "[[1, 2], [3]]", "tree_method": "hist"}, None),
        ({"updater": "grow_colmaker,prune"}, None),
        ({"booster": "gblinear", "updater": "shotgun"}, None),
        ({"process_type": "update", "updater": "refresh,prune"}, None),
        ({"objective": "multi:softmax", "num_class": "3", "eval_metric": "merror"}, None),
        ({"_tuning_objective_metric": "validation:f1"}, None),
        ({"eval_metric": "ndcg@5,map@3-"}, None),
    ],
)
def test_what_is_allowed_is_typed(texts: dict[str, str], expected: dict[str, Any] | None) -> None:
    found = validated({"num_round": "10", **texts})
    assert found["num_round"] == 10
    assert expected is None or found == {"num_round": 10, **expected}


def test_aliases_are_the_names_they_stand_for() -> None:
    texts = {"learning_rate": "0.2", "reg_lambda": "1", "reg_alpha": "0", "min_split_loss": "4"}
    found = validated({"num_round": "1", **texts})
    assert found == {"num_round": 1, "eta": 0.2, "lambda": 1.0, "alpha": 0.0, "gamma": 4.0}


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"num_round": None}, "Missing required hyperparameter: num_round"),
        ({"depth": "3"}, "Extraneous hyperparameter found: depth"),
        ({"num_round": "ten"}, "Hyperparameter num_round: could not parse value (caused by ValueError)"),
        ({"num_round": "0"}, "Hyperparameter num_round: 0 is not in [1, +inf)"),
        ({"seed": "3000000000"}, "Hyperparameter seed: 3000000000 is not in (-2147483648, 2147483647)"),
        ({"prob_buffer_row": "1"}, "Hyperparameter prob_buffer_row: 1 is not in (1.0, +inf)"),
        (
            {"updater": "grow_quantile_histmaker"},
            "Hyperparameter updater: value ['grow_quantile_histmaker'] not in range ['grow_colmaker', 'distcol', ",
        ),
        ({"eta": "1.5"}, "Hyperparameter eta: 1.5 is not in [0, 1]"),
        ({"subsample": "0"}, "Hyperparameter subsample: 0.0 is not in (0, 1]"),
        ({"tweedie_variance_power": "2"}, "Hyperparameter tweedie_variance_power: 2.0 is not in (1, 2)"),
        ({"eta": "nan"}, "Hyperparameter eta: nan is not in [0, 1]"),
        ({"booster": "tree"}, "Hyperparameter booster: tree is not in ['gbtree', 'gblinear', 'dart']"),
        (
            {"objective": "binary:magic"},
            "Hyperparameter objective: binary:magic is not in ['aft_loss_distribution', ",
        ),
        (
            {"eval_metric": "rmse,magic"},
            "Hyperparameter eval_metric: value ['magic'] not in range ['accuracy', 'auc', ",
        ),
        ({"eval_metric": "auc@3"}, "Metric 'auc@3' is not supported."),
        ({"eval_metric": "error@x"}, "Threshold value 't' in 'error@t' expects float input."),
        ({"eval_metric": "<function f>"}, "User defined evaluation metric <function f> is not supported yet."),
        ({"eval_metric": "auc"}, "Metric 'auc' can only be applied for classification and ranking problems."),
        ({"eval_metric": "aft-nloglik"}, "Metric 'aft-nloglik' can only be applied for 'survival:aft' objective."),
        ({"objective": "multi:softmax"}, "Require input for parameter 'num_class' for multi-classification"),
        (
            {"monotone_constraints": "(1, 2)"},
            "Hyperparameter monotone_constraints: value (1, 2) not in range [-1, 0, 1]",
        ),
        ({"monotone_constraints": "(1, 1)"}, "monotone_constraints can be used only when"),
        ({"monotone_constraints": "__import__('os')"}, "Hyperparameter monotone_constraints: could not parse value"),
        ({"monotone_constraints": "(1,"}, "Hyperparameter monotone_constraints: could not parse value"),
        (
            {"interaction_constraints": "[[0, 1]]"},
            "Hyperparameter interaction_constraints: value [[0, 1]] not in range",
        ),
        ({"interaction_constraints": "[[1, 2]]"}, "interaction_constraints can be used only when"),
        ({"updater": "shotgun"}, "Tree updater should be selected from these options: 'grow_colmaker', "),
        ({"updater": "grow_colmaker,grow_histmaker"}, "Only one tree grow plugin can be selected."),
        ({"updater": "prune", "booster": "gblinear"}, "Linear updater should be one of these options: 'shotgun', "),
        (
            {"updater": "sync", "process_type": "update"},
            "process_type 'update' can only be used with updater 'refresh'",
        ),
        (
            {"_tuning_objective_metric": "train:rmse"},
            "Hyperparameter _tuning_objective_metric: train:rmse is not in ",
        ),
    ],
)
def test_what_is_not_allowed_is_told(texts: dict[str, str | None], message: str) -> None:
    given_texts = {name: text for name, text in {"num_round": "10", **texts}.items() if text is not None}
    with pytest.raises(UserError) as refused:
        validated(given_texts)
    assert str(refused.value).startswith(message)


@given(st.dictionaries(st.sampled_from([*RULES, "x"]), st.text(max_size=20) | st.integers().map(str)))
def test_any_text_is_typed_or_refused(texts: dict[str, str]) -> None:
    try:
        found = validated(texts)
    except UserError:
        return
    assert set(found) == set(texts)


FILE = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated"}


@pytest.mark.parametrize(
    ("content_type", "form"),
    [
        (None, "libsvm"),
        ("text/csv", "csv"),
        ("csv", "csv"),
        ("text/csv;label_size=1", "csv"),
        ("text/CSV; label_size=1; charset=utf8", "csv"),
        ("text/libsvm ;charset=utf8", "libsvm"),
        ("text/x-libsvm", "libsvm"),
        ("libsvm", "libsvm"),
        ("application/x-parquet", "parquet"),
        ("parquet", "parquet"),
    ],
)
def test_content_types(content_type: str | None, form: str) -> None:
    channel = FILE if content_type is None else {**FILE, "ContentType": content_type}
    assert content_form({"train": channel}) == form


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ({}, "Missing required channel: train"),
        ({"validation": FILE}, "Missing required channel: train"),
        ({"train": FILE, "test": FILE}, "Extraneous channel found: test"),
        (
            {"train": {**FILE, "TrainingInputMode": "Pipe"}},
            "Channel configuration for 'train' channel is not supported:",
        ),
        (
            {"train": {**FILE, "ContentType": "text/html"}},
            "text/html is not an accepted ContentType: csv, text/csv, ",
        ),
        (
            {"train": {**FILE, "ContentType": "text/csv;label_size=2"}},
            "text/csv;label_size=2 is not an accepted csv Co",
        ),
        ({"train": FILE, "validation": {**FILE, "ContentType": "x/y"}}, "x/y is not an accepted ContentType: "),
    ],
)
def test_channels_that_are_not_taken(channels: dict[str, dict[str, str]], message: str) -> None:
    with pytest.raises(UserError) as refused:
        content_form(channels)
    assert str(refused.value).startswith(message)


def test_a_code_channel_is_allowed() -> None:
    assert content_form({"train": FILE, "code": {**FILE, "ContentType": "text/python"}}) == "libsvm"


def test_a_metric_line_has_cloudwatchs_form() -> None:
    scores = {"train": {"rmse": 8.09, "mae": 1e-9}, "validation": {"rmse": 8.333333, "mae": 2.0}}
    expected = "[0]#011train-rmse:8.09000#011train-mae:0.00000#011validation-rmse:8.33333#011validation-mae:2.00000"
    assert metric_line(0, scores) == expected
    assert metric_line(3, {"train": {"error": 0.25}}, "0.90") == "[3]#011train-error:0.25"


@given(
    value=st.floats(allow_nan=False, allow_infinity=False, width=32),
    name=st.sampled_from([*MAXIMIZED, *MINIMIZED]),
    release=st.sampled_from(["0.90", "1.7.4"]),
)
def test_the_services_definitions_find_every_metric(value: float, name: str, release: str) -> None:
    image = catalog.load(None).resolve("sagemaker-xgboost:1.7-1")
    asked = {"_tuning_objective_metric": f"validation:{name}"}
    definitions = {each["Name"]: each["Regex"] for each in metrics.metric_definitions(image, asked)}
    line = metric_line(12, {"train": {name: 1.0}, "validation": {name: value}}, release)
    found = re.match(definitions[f"validation:{name}"], line)
    assert found is not None
    assert float(found[1]) == pytest.approx(value, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize(
    ("hyperparameters", "more"),
    [
        ({}, []),
        ({"eval_metric": "auc"}, []),
        ({"eval_metric": "['r2', 'rmse']"}, ["r2"]),
        ({"objective": "survival:cox"}, ["cox-nloglik"]),
        ({"eval_metric": "nothing@0.5"}, []),
        (
            {
                "eval_metric": "mape,r2,precision,recall",
                "_tuning_objective_metric": "validation:f1_macro",
                "objective": "survival:aft",
            },
            ["f1_macro", "mape", "r2"],
        ),
    ],
)
def test_what_is_shown_of_xgboost_can_be_asked_for(hyperparameters: dict[str, str], more: list[str]) -> None:
    """The 17 metrics of DescribeHyperParameterTuningJob on AWS for both channels, what the job prints besides, and
    never more than 40 definitions."""
    image = catalog.load(None).resolve("sagemaker-xgboost:1.7-1")
    names = [each["Name"] for each in metrics.metric_definitions(image, hyperparameters)]
    assert len(names) == len(set(names)) == 2 * (17 + len(more)) <= 40
    assert names[34:] == [f"{data}:{metric}" for metric in more for data in ("train", "validation")]


def test_other_images_have_no_definitions_of_the_services() -> None:
    assert metrics.metric_definitions(catalog.load(None).resolve("sagemaker-scikit-learn:1.2-1"), {}) == []
