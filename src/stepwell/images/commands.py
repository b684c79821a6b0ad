"""Room images: what a container runs. In: an `Image` and the request's AlgorithmSpecification or AppSpecification.
Out: the argv, to be looked up in the container's PATH. Pure.

The rules are Docker's (spec 03, sections 2 and 3): ContainerEntrypoint replaces the image's ENTRYPOINT and drops its
CMD, ContainerArguments replace CMD; none of our images has an ENTRYPOINT, so arguments alone are the command.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stepwell.base.documents import Document
from stepwell.images.catalog import Image

PROGRAMS = Path(__file__).with_name("programs")
"""The folder to mount read-only at PROGRAMS_MOUNT."""

PROGRAMS_MOUNT = "/opt/stepwell"


def training_command(image: Image, algorithm_specification: Document) -> tuple[str, ...]:
    """What a training job runs: `<image> train` unless the request says otherwise."""
    return _command(algorithm_specification) or _program(image, "train")


def processing_command(image: Image, app_specification: Document) -> tuple[str, ...]:
    """What a processing job runs. An image of ours has no command of its own: the program says so and fails."""
    return _command(app_specification) or _program(image, "process")


def _command(specification: Document) -> tuple[str, ...]:
    entrypoint: list[Any] = specification.get("ContainerEntrypoint") or []
    arguments: list[Any] = specification.get("ContainerArguments") or []
    return tuple(str(part) for part in [*entrypoint, *arguments])


def _program(image: Image, task: str) -> tuple[str, ...]:
    return ("python", PROGRAMS_MOUNT, image.entry, task)
