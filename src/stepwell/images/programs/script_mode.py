"""Room images, inside the container: script mode, the user's script run as AWS's training toolkit runs it.

In: the /opt/ml tree with sagemaker_program and sagemaker_submit_directory among the hyperparameters. Out: the code in
/opt/ml/code, its requirements installed, the script run with SM_* variables and `--name value` arguments; on failure
/opt/ml/output/failure in the toolkit's form. The exit code is 0 or, as with the toolkit, 1; the script's own stands
in the failure text.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import traceback
from logging import Logger
from pathlib import Path

from . import contract, sources, variables
from .contract import ClientError, Tree
from .processes import run

_FORM = "%(asctime)s %(name)-12s %(levelname)-8s %(message)s"


def train() -> int:
    """Run the user's script. Answers the exit code."""
    place = contract.tree()
    log = contract.start_logging(_FORM, "sagemaker-training-toolkit")
    try:
        _run(place, log)
    except Exception as error:
        own = isinstance(error, ClientError)
        message = str(error) if own else f"Framework Error: \n{traceback.format_exc()}\n{error}"
        contract.write_failure(place, message)
        log.error("Reporting training FAILURE")
        log.error("%s", message)
        return 1
    log.info("Reporting training SUCCESS")
    (place.output / "success").touch()
    return 0


def _run(place: Tree, log: Logger) -> None:
    found = variables.settings(place.read("hyperparameters", {}))
    log.setLevel(found.log_level)
    program = found.program
    if program is None:
        raise ClientError(
            "ClientError: this image runs a script, and no hyperparameter sagemaker_program names it."
            " Give the estimator an entry_point, or pass AlgorithmSpecification.ContainerEntrypoint."
        )
    environment = variables.training_environment(place, found)
    sources.bring(found.submit_directory(place), place.code)
    for folder in (place.model, place.output / "data"):
        folder.mkdir(parents=True, exist_ok=True)
    _install(place.code, program, log)
    exported = variables.variables(environment)
    command = _command(place.code, program, variables.arguments(found.user))
    _announce(environment, exported, command, log)
    os.environ.update(exported, PYTHONPATH=_python_path(place.code))
    os.environ.update(_own_variables(environment))
    run(command, place.code, "ExecuteUserScriptError")


def _kind(code: Path, program: str) -> str:
    """How the toolkit starts it: a package when there is a setup.py, a Python program, or any other command."""
    if program.endswith(".sh"):
        return "command"
    if (code / "setup.py").exists():
        return "package"
    return "program" if program.endswith(".py") else "command"


def _install(code: Path, program: str, log: Logger) -> None:
    """Install what the code brings with it, and make a command runnable."""
    kind = _kind(code, program)
    if not (code / program).is_file() and kind != "package":
        there = ", ".join(sorted(each.name for each in code.iterdir())[:20]) or "nothing"
        raise ClientError(f"ClientError: the entry point {program!r} is not in the code; there is: {there}.")
    requirements = ["-r", "requirements.txt"] if (code / "requirements.txt").exists() else []
    pip = [sys.executable, "-m", "pip", "install"]
    if kind == "package":
        log.info("Installing module with the following command: pip install . %s", " ".join(requirements))
        run([*pip, ".", *requirements], code, "InstallModuleError")
    elif kind == "program" and requirements:
        log.info("Installing dependencies from requirements.txt")
        run([*pip, *requirements], code, "InstallRequirementsError")
    elif kind == "command":
        (code / program).chmod(0o777)


def _command(code: Path, program: str, arguments: list[str]) -> list[str]:
    match _kind(code, program):
        case "package":
            return [sys.executable, "-m", program.removesuffix(".py").replace("/", "."), *arguments]
        case "program":
            return [sys.executable, program, *arguments]
        case _:
            return ["/bin/sh", "-c", f"./{shlex.quote(program)} {shlex.join(arguments)}".strip()]


def _python_path(code: Path) -> str:
    return os.pathsep.join(filter(None, [str(code), os.environ.get("PYTHONPATH")]))


def _own_variables(environment: dict[str, object]) -> dict[str, str]:
    """Variables without SM_ that the toolkit sets on its own process, so the script sees them too."""
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
    return {
        "CURRENT_HOST": str(environment["current_host"]),
        "SAGEMAKER_JOB_NAME": str(environment["job_name"] or ""),
        "SAGEMAKER_REGION": region,
    }


def _announce(environment: dict[str, object], exported: dict[str, str], command: list[str], log: Logger) -> None:
    listing = "\n".join(f"{name}={value}" for name, value in exported.items())
    log.info(
        "Invoking user script\n\nTraining Env:\n\n%s\n\nEnvironment variables:\n\n%s\n\n"
        "Invoking script with the following command:\n\n%s\n\n",
        json.dumps(environment, indent=4),
        listing,
        " ".join(command),
    )
