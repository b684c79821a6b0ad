"""The argv of a job follows Docker's rules."""

from __future__ import annotations

import pytest

from stepwell.base.documents import Document
from stepwell.images import catalog, commands

KNOWN = catalog.load(None)
SKLEARN = KNOWN.resolve("sagemaker-scikit-learn:1.2-1")
SCRIPT = "/opt/ml/processing/input/code/evaluate.py"


@pytest.mark.parametrize(
    ("uri", "entry"),
    [("sagemaker-scikit-learn:1.2-1", "script-mode"), ("sagemaker-xgboost:1.7-1", "xgboost"), ("python:3", "python")],
)
def test_without_an_entrypoint_the_images_program_runs(uri: str, entry: str) -> None:
    image = KNOWN.resolve(uri)
    assert commands.training_command(image, {"TrainingImage": uri}) == ("python", "/opt/stepwell", entry, "train")
    assert commands.processing_command(image, {"ImageUri": uri}) == ("python", "/opt/stepwell", entry, "process")


@pytest.mark.parametrize(
    ("specification", "expected"),
    [
        ({"ContainerEntrypoint": ["python3", SCRIPT]}, ("python3", SCRIPT)),
        (
            {"ContainerEntrypoint": ["python3", SCRIPT], "ContainerArguments": ["--n", "1"]},
            ("python3", SCRIPT, "--n", "1"),
        ),
        ({"ContainerArguments": ["echo", "x"]}, ("echo", "x")),
        (
            {"ContainerEntrypoint": ["/bin/bash", "-c", "a && b"], "ContainerArguments": None},
            ("/bin/bash", "-c", "a && b"),
        ),
    ],
)
def test_the_request_comes_first(specification: Document, expected: tuple[str, ...]) -> None:
    assert commands.training_command(SKLEARN, specification) == expected
    assert commands.processing_command(SKLEARN, specification) == expected


def test_the_programs_are_where_the_mount_expects_them() -> None:
    assert (commands.PROGRAMS / "__main__.py").is_file()
