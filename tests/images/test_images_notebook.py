"""A notebook is executed with its parameters and leaves its executed self; a failing cell is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from images_support import Container

from stepwell.images.environments import Environment
from stepwell.images.programs import notebook

CHANNEL = "sagemaker_headless_execution_pipelinestep"


@pytest.fixture
def python(environment_of: Callable[[str], Environment]) -> Environment:
    return environment_of("sagemaker-distribution-prod:3.2.0-cpu")


def cell(source: str, *tags: str) -> dict[str, Any]:
    metadata = {"tags": list(tags)}
    return {"cell_type": "code", "execution_count": None, "metadata": metadata, "outputs": [], "source": source}


def given(container: Container, *cells: dict[str, Any]) -> dict[str, str]:
    """The notebook in its channel, and the variables of a NotebookJobStep."""
    document = {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    container.channel(CHANNEL, None)
    folder = container.root / "input" / "data" / CHANNEL
    (folder / "in.ipynb").write_text(json.dumps(document))
    (folder / "helper.py").write_text("word = 'helped'\n")
    return {
        "SM_EXECUTION_INPUT_PATH": str(folder),
        "SM_INPUT_NOTEBOOK_NAME": "in.ipynb",
        "SM_OUTPUT_NOTEBOOK_NAME": "job-2024-03-02T12:10:12.993Z-.ipynb",
        "SM_KERNEL_NAME": "python3",
        "PATH": "/usr/bin:/bin",
        "IPYTHONDIR": str(container.root / "ipython"),
    }


def test_a_notebook_leaves_its_executed_self(container: Container, python: Environment) -> None:
    variables = given(
        container, cell("name = 'nobody'", "parameters"), cell("import helper; print(name, helper.word)")
    )
    container.hyperparameters = {"name": "amazon"}
    ran = container.run(python.python, "notebook", "train", variables=variables)
    assert ran.code == 0, ran.errors
    assert "amazon helped" in ran.output
    (output,) = (container.root / "output" / "data").iterdir()
    assert output.name == "job-2024-03-02T12-10-12-993Z.ipynb"
    assert "amazon helped" in output.read_text()


def test_a_failing_cell_is_told_and_the_notebook_kept(container: Container, python: Environment) -> None:
    variables = given(container, cell("1 / 0"))
    ran = container.run(python.python, "notebook", "train", variables=variables)
    assert ran.code == 1
    assert ran.failure is not None
    assert ran.failure.startswith("Error with executing notebook\n")
    assert "ZeroDivisionError: division by zero" in ran.failure
    assert "\x1b" not in ran.failure
    assert list((container.root / "output" / "data").iterdir())


def test_an_initialization_script_runs_before(container: Container, python: Environment) -> None:
    variables = given(container, cell("print(open('made.txt').read())"))
    folder = container.root / "input" / "data" / CHANNEL
    (folder / "init.sh").write_text("echo from the script > made.txt\n")
    ran = container.run(python.python, "notebook", "train", variables={**variables, "SM_INIT_SCRIPT": "init.sh"})
    assert "from the script" in ran.output, ran.errors
    (folder / "init.sh").write_text("exit 3\n")
    failed = container.run(python.python, "notebook", "train", variables={**variables, "SM_INIT_SCRIPT": "init.sh"})
    assert (
        failed.failure == "Error with executing notebook\nThe initialization script 'init.sh' ended with exit code 3."
    )


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ({"SM_INPUT_NOTEBOOK_NAME": "other.ipynb"}, "The notebook 'other.ipynb' is not in "),
        (
            {"SM_EXECUTION_INPUT_PATH": ""},
            "The environment variable SM_EXECUTION_INPUT_PATH of a notebook job is mis",
        ),
        ({"SM_KERNEL_NAME": "ruby"}, "No such kernel named ruby"),
    ],
)
def test_what_is_missing_is_named(
    container: Container, python: Environment, missing: dict[str, str], message: str
) -> None:
    ran = container.run(python.python, "notebook", "train", variables={**given(container, cell("1")), **missing})
    assert ran.code == 1
    assert message in (ran.failure or "")


@pytest.mark.parametrize(
    ("name", "shown"),
    [("a.ipynb", "a.ipynb"), ("a.b:c-.ipynb", "a-b-c.ipynb"), ("plain", "plain.ipynb"), ("../x.ipynb", "x.ipynb")],
)
def test_the_outputs_name_is_plain(name: str, shown: str) -> None:
    assert notebook.output_name(name) == shown
