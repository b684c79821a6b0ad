"""Room images, inside the container: a notebook job. In: SM_* variables as a NotebookJobStep sets them, the notebook
and its files in their channel, parameters among the hyperparameters. Out: the executed notebook in
/opt/ml/output/data, or a failure file with the cell's error.

This stands for `amazon_sagemaker_scheduler`, the command of AWS's own images that the SDK names as entrypoint. The
variables are those of the SDK's notebook_job_step.py; dots and colons of the output's name become dashes, as there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import traceback
from pathlib import Path

from . import contract
from .contract import ClientError, Tree, package

_RESERVED = ("sagemaker_", "_")


def train() -> int:
    """Execute the notebook. Answers the exit code."""
    place = contract.tree()
    try:
        _execute(place)
    except ClientError as error:
        return _fail(place, str(error))
    except Exception as error:
        return _fail(place, f"{error}\n{traceback.format_exc()}")
    return 0


def _fail(place: Tree, message: str) -> int:
    text = f"Error with executing notebook\n{message}"
    print(text, file=sys.stderr, flush=True)
    contract.write_failure(place, text)
    return 1


def _execute(place: Tree) -> None:
    folder = Path(_variable("SM_EXECUTION_INPUT_PATH"))
    notebook = folder / _variable("SM_INPUT_NOTEBOOK_NAME")
    if not notebook.is_file():
        raise ClientError(f"The notebook {notebook.name!r} is not in {folder}.")
    output = place.output / "data" / output_name(os.environ.get("SM_OUTPUT_NOTEBOOK_NAME") or notebook.name)
    output.parent.mkdir(parents=True, exist_ok=True)
    work = Path("/tmp/stepwell-notebook")
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(folder, work)
    _run_script(work, os.environ.get("SM_INIT_SCRIPT", ""))
    kernel = os.environ.get("SM_KERNEL_NAME") or "python3"
    given = place.read("hyperparameters", {})
    parameters = {name: value for name, value in given.items() if not name.startswith(_RESERVED)}
    print(
        f"Use Kernel {kernel} to execute {notebook.name} with output to {output}.\nParams: {parameters}", flush=True
    )
    papermill = package("papermill")
    errors = package("papermill.exceptions")
    try:
        papermill.execute_notebook(
            work / notebook.name,
            output,
            parameters=parameters,
            kernel_name=kernel,
            language="python",  # the only kernel there is; a notebook need not say
            cwd=str(work),
            log_output=True,
            progress_bar=False,
            stdout_file=sys.stdout,
            stderr_file=sys.stderr,
        )
    except (errors.PapermillExecutionError, package("jupyter_client.kernelspec").NoSuchKernel) as error:
        raise ClientError(_plain(str(error))) from error


def output_name(name: str) -> str:
    """`job-2024-03-02T12:10:12.993Z.ipynb` becomes `job-2024-03-02T12-10-12-993Z.ipynb`."""
    stem = re.sub(r"[.:]", "-", name.removesuffix(".ipynb")).rstrip("-")
    return f"{Path(stem).name}.ipynb"


def _variable(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise ClientError(f"The environment variable {name} of a notebook job is missing.")
    return value


def _run_script(folder: Path, script: str) -> None:
    """What the user wants done before, such as installing packages."""
    if not script:
        return
    done = subprocess.run(["bash", script], cwd=folder, check=False)
    if done.returncode:
        raise ClientError(f"The initialization script {script!r} ended with exit code {done.returncode}.")


def _plain(text: str) -> str:
    """Without the colours that kernels give their tracebacks."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
