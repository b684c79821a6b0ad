"""Frameworks, algorithms and notebooks of the catalogue, and the images it knows and cannot provide."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepwell.images import catalog
from stepwell.images.catalog import StrictRefused, UnknownImage

PROCESSORS = catalog.load(None, accelerated=False)
GRAPHICS = catalog.load(None, accelerated=True)
DLC = "763104351884.dkr.ecr.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("image", "recipe", "entry", "sentences"),
    [
        (
            "pytorch-training:2.3-cpu-py311",
            "pytorch-2.13.0",
            "pytorch",
            ("torch 2.3 is not in the catalogue; this job runs torch 2.13.0+cpu.",),
        ),
        ("pytorch-training:2.13.0-cpu-py312", "pytorch-2.13.0", "pytorch", ()),
        (
            "huggingface-pytorch-training:2.5.1-transformers4.49-gpu-py311-cu124-ubuntu22.04",
            "huggingface-4.49",
            "pytorch",
            (),
        ),
        (
            "huggingface-pytorch-training:1.13.1-transformers4.26-gpu-py39-cu117-ubuntu20.04",
            "huggingface-4.46",
            "pytorch",
            ("transformers 4.26 is not in the catalogue; this job runs transformers 4.46.1.",),
        ),
        ("tensorflow-training:2.16-cpu-py310", "tensorflow-2.16.2", "tensorflow", ()),
        (
            "tensorflow-training:1.15-cpu-py3",
            "tensorflow-2.12.0",
            "tensorflow",
            ("tensorflow 1.15 is not in the catalogue; this job runs tensorflow 2.12.0.",),
        ),
        ("tensorflow-inference:2.19-cpu", "tensorflow-2.19.0", "tensorflow", ()),
        ("sagemaker-distribution-prod:3.2.0-cpu", "notebook", "python", ()),
        ("kmeans:1", "scikit-learn-1.2.1", "kmeans", ()),
    ],
)
def test_what_an_image_is_here(image: str, recipe: str, entry: str, sentences: tuple[str, ...]) -> None:
    found = PROCESSORS.resolve(f"{DLC if image[-2:] != ':1' else '382416733822.dkr.ecr.us-east-1.a.b'}/{image}")
    assert (found.recipe, found.entry, found.substitutions) == (recipe, entry, sentences)


def test_what_else_the_tag_says_is_a_note() -> None:
    image = f"{DLC}/huggingface-pytorch-training:2.5.1-transformers4.49-gpu-py312-cu124-ubuntu22.04"
    assert PROCESSORS.resolve(image).notes == (
        "AWS's image holds torch 2.5.1, Python 3.12; this job has torch 2.13.0+cpu, Python 3.11.",
    )


def test_an_algorithm_says_whose_it_is() -> None:
    assert (
        PROCESSORS.resolve("pca:1").notes[0].startswith("AWS's algorithm is closed source; Stepwell's own PCA runs")
    )


def test_a_machine_with_graphics_processors_gets_the_other_build() -> None:
    assert PROCESSORS.recipes["pytorch-2.13.0"].requirements == ("torch==2.13.0+cpu",)
    assert GRAPHICS.recipes["pytorch-2.13.0"].requirements == ("torch==2.13.0",)
    assert PROCESSORS.recipes["pytorch-2.13.0"].key() != GRAPHICS.recipes["pytorch-2.13.0"].key()
    assert GRAPHICS.resolve("tensorflow-training:2.16-gpu-py310").substitutions == ()
    assert GRAPHICS.recipes["scikit-learn-1.2.1"].key() == PROCESSORS.recipes["scikit-learn-1.2.1"].key()


def test_strict_refuses_another_release_of_a_framework() -> None:
    with pytest.raises(StrictRefused, match=r"torch 1\.9 is not in the catalogue"):
        catalog.load(None, strict=True).resolve(f"{DLC}/pytorch-training:1.9-cpu-py38")


@pytest.mark.parametrize(
    ("image", "what"),
    [
        ("sagemaker-spark-processing:3.3-cpu-py39-v1.0", "Apache Spark and a Java virtual machine are missing"),
        ("sagemaker-clarify-processing:1.0", "Clarify"),
        ("sagemaker-data-wrangler-container:3.x", "Data Wrangler"),
        ("sagemaker-model-monitor-analyzer", "Model Monitor"),
        ("pytorch-inference-eia:1.5.1-cpu-py3", "Elastic Inference"),
        ("pytorch-training-neuronx:2.1.2-neuronx-py310-sdk2.20.0-ubuntu20.04", "AWS's own chips"),
        ("huggingface-tensorflow-training:2.6.3-transformers4.17-gpu-py38-cu112-ubuntu20.04", "transformers gave up"),
        ("mxnet-training:1.9.0-cpu-py38", "MXNet"),
        ("djl-inference:0.29.0-lmi11.0.0-cu124", "model server"),
        ("blazingtext:1", "built-in algorithm that Stepwell has no program for"),
    ],
)
def test_an_image_that_cannot_be_had_says_what_is_missing_and_what_to_do(image: str, what: str) -> None:
    with pytest.raises(UnknownImage) as refused:
        PROCESSORS.resolve(f"{DLC}/{image}")
    message = str(refused.value)
    assert message.startswith(f"ClientError: image '{DLC}/{image}' cannot be had here. ")
    assert what in message
    assert "To add it, put into" in message
    assert len(message) <= 1024


def test_a_line_of_ones_own_provides_what_is_missing(tmp_path: Path) -> None:
    mine = tmp_path / "images.toml"
    mine.write_text(
        '[[image]]\nrepository = "sagemaker-spark-processing"\n[[image.version]]\ntag = "*"\nrecipe = "mine"\n'
        '[recipe.mine]\nrequirements = ["pyspark==3.5.1"]\ninstaller = "pip"\n'
    )
    known = catalog.load(mine)
    image = known.resolve(f"{DLC}/sagemaker-spark-processing:3.3-cpu-py39-v1.0")
    assert (image.recipe, known.recipes["mine"].packages()) == ("mine", {"python": "3.11", "pyspark": "3.5.1"})
