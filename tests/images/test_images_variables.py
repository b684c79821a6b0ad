"""What a script in script mode is told: arguments and SM_* variables in the toolkit's form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from images_support import Container

from stepwell.images.programs import contract, variables


@pytest.mark.parametrize(
    ("hyperparameters", "expected"),
    [
        ({}, []),
        ({"max-depth": 3}, ["--max-depth", "3"]),
        ({"n": 3}, ["-n", "3"]),
        ({"b": True, "a": None}, ["-a", "", "-b", "True"]),
        ({"rates": [0.1, 0.2]}, ["--rates", "[0.1, 0.2]"]),
        ({"map": {"y": 2, "x": 1}}, ["--map", "x=1,y=2"]),
        ({"name": "a b"}, ["--name", "a b"]),
    ],
)
def test_hyperparameters_become_arguments(hyperparameters: dict[str, Any], expected: list[str]) -> None:
    assert variables.arguments(hyperparameters) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"abc"', "abc"),
        ("abc", "abc"),
        ("3", 3),
        ("0.5", 0.5),
        ("true", True),
        ("null", None),
        ("[1]", [1]),
        ("", ""),
    ],
)
def test_json_is_decoded_and_anything_else_kept(text: str, value: Any) -> None:
    assert variables.settings({"x": text}).user == {"x": value}


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_what_the_sdk_encodes_comes_back(value: Any) -> None:
    assert variables.settings({"x": json.dumps(value)}).user == {"x": value}


def test_hyperparameters_are_sorted_by_whom_they_are_for() -> None:
    found = variables.settings(
        {
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": '"s3://bucket/code.tar.gz"',
            "sagemaker_container_log_level": "10",
            "_tuning_objective_metric": "validation:auc",
            "sagemaker_mpi_enabled": "true",
            "epochs": "3",
        }
    )
    assert found.user == {"epochs": 3}
    assert found.framework == {"sagemaker_mpi_enabled": True}
    assert (found.program, found.log_level) == ("train.py", 10)


def test_the_environment_variable_names_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEMAKER_PROGRAM", "other.py")
    assert variables.settings({"sagemaker_program": "train.py"}).program == "other.py"


def test_every_variable_of_the_toolkit_is_set(container: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    root = container.root
    container.channel("train", a_csv="1")
    container.channel("eval-set", None)
    container.hyperparameters = {"sagemaker_program": '"src/train.py"', "max-depth": "3", "model_dir": '"x"'}
    container.configure()
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(root))
    place = contract.tree()
    environment = variables.training_environment(place, variables.settings(container.hyperparameters))
    found = variables.variables(environment)
    expected = {
        "SM_MODEL_DIR": f"{root}/model",
        "SM_OUTPUT_DIR": f"{root}/output",
        "SM_OUTPUT_DATA_DIR": f"{root}/output/data",
        "SM_OUTPUT_INTERMEDIATE_DIR": f"{root}/output/intermediate",
        "SM_INPUT_DIR": f"{root}/input",
        "SM_INPUT_CONFIG_DIR": f"{root}/input/config",
        "SM_CHANNELS": '["eval-set","train"]',
        "SM_CHANNEL_TRAIN": f"{root}/input/data/train",
        "SM_CHANNEL_EVAL-SET": f"{root}/input/data/eval-set",
        "SM_HPS": '{"max-depth":3,"model_dir":"x"}',
        "SM_HP_MAX-DEPTH": "3",
        "SM_HP_MODEL_DIR": "x",
        "SM_USER_ARGS": '["--max-depth","3","--model_dir","x"]',
        "SM_USER_ENTRY_POINT": "src/train.py",
        "SM_MODULE_NAME": "src/train",
        "SM_MODULE_DIR": f"{root}/code",
        "SM_HOSTS": '["algo-1"]',
        "SM_CURRENT_HOST": "algo-1",
        "SM_CURRENT_INSTANCE_TYPE": "ml.m5.xlarge",
        "SM_CURRENT_INSTANCE_GROUP": "homogeneousCluster",
        "SM_CURRENT_INSTANCE_GROUP_HOSTS": '["algo-1"]',
        "SM_INSTANCE_GROUPS": '["homogeneousCluster"]',
        "SM_IS_HETERO": "false",
        "SM_NETWORK_INTERFACE_NAME": "eth0",
        "SM_NUM_GPUS": "0",
        "SM_NUM_NEURONS": "0",
        "SM_LOG_LEVEL": "20",
        "SM_FRAMEWORK_MODULE": "",
        "SM_FRAMEWORK_PARAMS": "{}",
    }
    assert expected.items() <= found.items()
    assert int(found["SM_NUM_CPUS"]) >= 1
    assert json.loads(found["SM_INPUT_DATA_CONFIG"])["train"]["ContentType"] == "text/csv"
    assert json.loads(found["SM_RESOURCE_CONFIG"])["hosts"] == ["algo-1"]
    assert json.loads(found["SM_TRAINING_ENV"])["hyperparameters"] == {"max-depth": 3, "model_dir": "x"}
    assert json.loads(found["SM_INSTANCE_GROUPS_DICT"])["homogeneousCluster"]["instance_type"] == "ml.m5.xlarge"
