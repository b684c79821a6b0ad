"""Room images, inside the container: the /opt/ml tree as a program sees it (spec 03, section 3).

In: nothing but the file system; SAGEMAKER_BASE_DIR moves the root, as in AWS's toolkit. Out: paths, configuration
documents, and the failure file whose first 1024 characters become FailureReason.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def package(name: str) -> Any:
    """A module of the environment, loaded when first needed: start-up counts, and type checkers have none of them."""
    return importlib.import_module(name)


class ClientError(Exception):
    """The user's doing: the text goes into the failure file as it is, without our traceback."""


@dataclass(frozen=True)
class Tree:
    """The folders of a training container."""

    root: Path

    @property
    def code(self) -> Path:
        return self.root / "code"

    @property
    def model(self) -> Path:
        return self.root / "model"

    @property
    def input(self) -> Path:
        return self.root / "input"

    @property
    def config(self) -> Path:
        return self.root / "input" / "config"

    @property
    def output(self) -> Path:
        return self.root / "output"

    def channel(self, name: str) -> Path:
        """Where the channel's data stands."""
        return self.root / "input" / "data" / name

    def read(self, name: str, default: Any = None) -> Any:
        """The document `input/config/<name>.json`; `default` when it is given and the file is missing."""
        path = self.config / f"{name}.json"
        if default is not None and not path.exists():
            return default
        return json.loads(path.read_text(encoding="utf-8"))


def tree() -> Tree:
    """The tree of this container."""
    return Tree(Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")))


def write_failure(place: Tree, message: str) -> None:
    """Leave `message` in the failure file, unless the user's code has left one."""
    path = place.output / "failure"
    place.output.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_text(message, encoding="utf-8")


def start_logging(form: str, name: str, dates: str | None = None) -> logging.Logger:
    """A logger whose lines go to stderr at once, in the form of AWS's container of that kind."""
    logging.basicConfig(format=form, level=logging.INFO, stream=sys.stderr, datefmt=dates)
    for chatty in ("boto3", "botocore", "s3transfer", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return logging.getLogger(name)
