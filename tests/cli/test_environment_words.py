"""How the environment of an earlier job stands here."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepwell.cli import environment_words
from stepwell.cli.environment_words import Surroundings
from stepwell.machines.reproduction import NotedJob
from stepwell.settings import Settings

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
LAYER = "0123456789abcdef01234567"


def job(environment: str, image: str = IMAGE, **hyperparameters: str) -> NotedJob:
    request = {"AlgorithmSpecification": {"TrainingImage": image}, "HyperParameters": hyperparameters}
    return NotedJob("arn", "training-job", "x", "Completed", 0.0, 1.0, request, {}, environment)


@pytest.fixture
def here(tmp_path: Path) -> Surroundings:
    return environment_words.surroundings(Settings(tmp_path, environments=tmp_path / "environments"))


@pytest.fixture
def now(here: Surroundings) -> str:
    """The environment that the image gets today."""
    return here.catalog.recipes[here.catalog.resolve(IMAGE).recipe].key()


def test_what_is_said(here: Surroundings, now: str) -> None:
    assert here.sentence(job(now)) == f"{now} (will be built from its lock)"
    (here.folder / now).mkdir(parents=True)
    assert here.sentence(job(now)) == f"{now} (here)"
    assert here.sentence(job("scikit-learn-1.2.1-000000000000")).endswith(f"; TODAY ITS IMAGE GETS {now}")
    assert "the image is not known here" in here.sentence(job("own-1", "nobody/nothing:1"))
    assert "will be installed above" in here.sentence(job(LAYER))
    (here.folder / "layers" / LAYER).mkdir(parents=True)
    assert here.sentence(job(LAYER)).endswith("; here)")
    assert here.sentence(job("")) == "the image brings its own"
    repacking = job("", sagemaker_program='"_repack_script_launcher.sh"')
    assert here.sentence(repacking) == "none: done by the server itself"


def test_what_was_in_it(here: Surroundings, now: str) -> None:
    found = here.lock(job(now))
    assert found is not None
    assert "scikit-learn==1.2.1" in found.text
    assert here.lock(job("scikit-learn-1.2.1-000000000000")) is None, "what that held is not known"
    assert here.lock(job("own-1", "nobody/nothing:1")) is None
    assert here.lock(job(LAYER)) is None
    layer = here.folder / "layers" / LAYER
    layer.mkdir(parents=True)
    (layer / "requirements.txt").write_text("tabulate==0.9\n")
    above = here.lock(job(LAYER))
    assert above is not None
    assert above.text.endswith("tabulate==0.9\n")
    assert found.text in above.text
