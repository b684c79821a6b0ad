"""Room images, inside the container: script mode, the user's script run as AWS's training toolkit runs it.

In: the /opt/ml tree with sagemaker_program and sagemaker_submit_directory among the hyperparameters. Out: the code in
/opt/ml/code, its requirements installed, the script run with SM_* variables and `--name value` arguments; on failure
/opt/ml/output/failure in the toolkit's form. The exit code is 0 or, as with the toolkit, 1; the script's own stands
in the failure text. A framework may add variables and choose another launch: `Framework`.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from logging import Logger
from pathlib import Path
from typing import Any

from . import contract, launches, sources, variables
from .contract import ClientError, Tree
from .processes import run

_FORM = "%(asctime)s %(name)-12s %(levelname)-8s %(message)s"
LAYERED = "_stepwell_requirements-"
"""Begins the name of a file on sys.path that says: the requirements with this SHA-256 are installed already."""


Environment = Mapping[str, Any]
"""The document of `variables.training_environment`."""


def _no_variables(_environment: Environment, _log: Logger) -> dict[str, str]:
    return {}


def _plain_arguments(_environment: Environment, hyperparameters: Mapping[str, Any]) -> list[str]:
    return variables.arguments(hyperparameters)


def _plain_command(code: Path, program: str, arguments: list[str], environment: Environment) -> list[str]:
    if launches.is_by_torchrun(environment):
        raise ClientError("ClientError: torchrun comes with the PyTorch images; this one has no PyTorch.")
    return launches.plain(code, program, arguments)


@dataclass(frozen=True)
class Framework:
    """What a framework's toolkit does besides; without anything given it is the plain toolkit. Each may raise
    ClientError."""

    variables: Callable[[Environment, Logger], dict[str, str]] = _no_variables
    """More variables for the script. May wait for other hosts."""
    arguments: Callable[[Environment, Mapping[str, Any]], list[str]] = _plain_arguments
    """The script's arguments, of the user's hyperparameters."""
    command: Callable[[Path, str, list[str], Environment], list[str]] = _plain_command
    """What to run, of the code folder, the entry point and its arguments."""
    runs_modules: bool = False
    """The entry point may be named as a module, without its .py."""


def train(framework: Framework = Framework()) -> int:
    """Run the user's script. Answers the exit code."""
    place = contract.tree()
    log = contract.start_logging(_FORM, "sagemaker-training-toolkit")
    try:
        _run(place, framework, log)
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


def _run(place: Tree, framework: Framework, log: Logger) -> None:
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
    if framework.runs_modules and not (place.code / program).exists() and (place.code / f"{program}.py").is_file():
        program = f"{program}.py"
    for folder in (place.model, place.output / "data"):
        folder.mkdir(parents=True, exist_ok=True)
    arguments = framework.arguments(environment, found.user)
    _check(place.code, program)
    command = framework.command(place.code, program, arguments, environment)
    own = framework.variables(environment, log)
    _install(place.code, program, log)
    exported = variables.variables(environment)
    _announce(environment, exported, command, log)
    os.environ.update(exported, PYTHONPATH=_python_path(place.code))
    os.environ.update({**_own_variables(environment), **own})
    run(command, place.code, "ExecuteUserScriptError")


def _check(code: Path, program: str) -> None:
    """Refuse an entry point that is not there."""
    if not (code / program).is_file() and launches.kind_of(code, program) != "package":
        there = ", ".join(sorted(each.name for each in code.iterdir())[:20]) or "nothing"
        raise ClientError(f"ClientError: the entry point {program!r} is not in the code; there is: {there}.")


def _install(code: Path, program: str, log: Logger) -> None:
    """Install what the code brings with it, and make a command runnable."""
    requirements = ["-r", "requirements.txt"] if (code / "requirements.txt").exists() else []
    pip = [sys.executable, "-m", "pip", "install"]
    match launches.kind_of(code, program):
        case "package":
            log.info("Installing module with the following command: pip install . %s", " ".join(requirements))
            run([*pip, ".", *requirements], code, "InstallModuleError")
        case "program" if requirements:
            log.info("Installing dependencies from requirements.txt")
            if is_layered(code / "requirements.txt"):
                log.info("They are in a layer that jobs with this requirements.txt share.")
            else:
                run([*pip, *requirements], code, "InstallRequirementsError")
        case "command":
            (code / program).chmod(0o777)


def is_layered(requirements: Path) -> bool:
    """The packages of this very file were installed before the job began."""
    name = LAYERED + hashlib.sha256(requirements.read_bytes()).hexdigest()
    return any((Path(folder) / name).exists() for folder in sys.path if folder)


def _python_path(code: Path) -> str:
    return os.pathsep.join(filter(None, [str(code), os.environ.get("PYTHONPATH")]))


def _own_variables(environment: Environment) -> dict[str, str]:
    """Variables without SM_ that the toolkit sets on its own process, so the script sees them too."""
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
    return {
        "CURRENT_HOST": str(environment["current_host"]),
        "SAGEMAKER_JOB_NAME": str(environment["job_name"] or ""),
        "SAGEMAKER_REGION": region,
    }


def _announce(environment: Mapping[str, Any], exported: Mapping[str, str], command: list[str], log: Logger) -> None:
    listing = "\n".join(f"{name}={value}" for name, value in exported.items())
    log.info(
        "Invoking user script\n\nTraining Env:\n\n%s\n\nEnvironment variables:\n\n%s\n\n"
        "Invoking script with the following command:\n\n%s\n\n",
        json.dumps(environment, indent=4),
        listing,
        " ".join(command),
    )
