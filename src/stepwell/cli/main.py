"""`stepwell COMMAND`: reads the command line and hands over to the command's file. Imports it only then."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from keyword import iskeyword
from types import ModuleType

from stepwell import __version__

COMMANDS = {
    "up": "serve the SageMaker API until interrupted",
    "env": "print the shell exports that point SDKs and the AWS CLI at the server",
    "run": "run a command against the server, starting one if none runs",
    "watch": "show how an execution or job stands until it ends; without a name, what runs and who waits",
    "logs": "print the log of a job",
    "explain": "say why each step of an execution ran, or did not have to",
    "diff": "say what was changed between two executions or model packages, and what followed",
    "lineage": "draw what led to a job, package, artifact or S3 object, and what became of it",
    "blame": "say how a package, job or S3 object was made: by whom, from which data, code and parameters",
    "recall": "name everything that descends from data: the approved packages first, then models and jobs",
    "gc": "delete the bytes that nothing needs any more",
    "reproduce": "make a model again from exactly what it was made of, and compare",
    "spin": "run one step of a pipeline alone, with given values or those of an earlier execution",
    "export": "write everything that a model was made of into one file",
    "import": "take in such a file, to look at the model's origin and to make it again",
    "validate": "say what is wrong with a pipeline definition, before anything runs",
    "coverage": "print which operations and step types this version does",
    "demo": "run the main job: a churn pipeline written with the SageMaker SDK",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is for the shell."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        options = _parser(words).parse_args(words)
        return int(_module(options.command).run(options))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _module(command: str) -> ModuleType:
    """The command's file, whose name has an underscore where the word is one of Python's own."""
    return importlib.import_module(f"stepwell.cli.{command}{'_' if iskeyword(command) else ''}")


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stepwell", description="SageMaker workflows anywhere.")
    parser.add_argument("--version", action="version", version=f"stepwell {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, purpose in COMMANDS.items():
        command = commands.add_parser(name, help=purpose, description=purpose[0].upper() + purpose[1:] + ".")
        default = "fresh and temporary" if name == "demo" else "$STEPWELL_DATA, else ~/.stepwell"
        command.add_argument("--data", metavar="DIR", help=f"where everything is kept (default: {default})")
        if name in words:
            _module(name).configure(command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
