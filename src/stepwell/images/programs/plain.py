"""Room images, inside the container: an image without a program of its own.

In: an image's `train` on PATH, if there is one. Out: that program in our place, or a failure that says what to pass.
"""

from __future__ import annotations

import os
import shutil
import sys

from . import contract


def train() -> int:
    """Become the `train` program, as `docker run <image> train` would."""
    program = shutil.which("train")
    if program:
        os.execv(program, [program])
    return _refuse(
        "This image has no program named 'train' on its PATH."
        " Pass AlgorithmSpecification.ContainerEntrypoint, such as ['python3', '/opt/ml/input/data/code/train.py']."
    )


def process() -> int:
    """A processing job without an entrypoint has nothing to run in any of our images."""
    return _refuse(
        "This image has no command of its own."
        " Pass AppSpecification.ContainerEntrypoint, such as ['python3', '/opt/ml/processing/input/code/run.py']."
    )


def _refuse(message: str) -> int:
    print(message, file=sys.stderr, flush=True)
    contract.write_failure(contract.tree(), message)
    return 1
