"""Every URI the SageMaker SDK makes for scikit-learn, XGBoost and a plain Python is known; others say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepwell.images import catalog
from stepwell.images.catalog import StrictRefused, UnknownImage

# `sagemaker.image_uris.retrieve` of SDK 2.257 and sagemaker-core 2.27 for sklearn and xgboost: version -> tags, in
# training, inference and on Graviton instances.
SKLEARN = {
    "0.20.0-cpu-py3": "scikit-learn-1.1.3",
    "0.23-1-cpu-py3": "scikit-learn-1.1.3",
    "1.0-1-cpu-py3": "scikit-learn-1.1.3",
    "1.0-1-arm64-cpu-py3": "scikit-learn-1.1.3",
    "1.2-1-cpu-py3": "scikit-learn-1.2.1",
    "1.4-2-cpu-py3": "scikit-learn-1.4.2",
    "1.4-2-py312-cpu-py3": "scikit-learn-1.4.2",
    "1.9-0-cpu-py3": "scikit-learn-1.9.0",
}
XGBOOST = {
    "0.90-1-cpu-py3": "xgboost-0.90",
    "0.90-2-cpu-py3": "xgboost-0.90",
    "1.0-1-cpu-py3": "xgboost-1.0.0",
    "1.2-1": "xgboost-1.2.0",
    "1.2-2": "xgboost-1.2.0",
    "1.2-2-cpu-py3": "xgboost-1.2.0",
    "1.3-1": "xgboost-1.3.3",
    "1.3-1-arm64": "xgboost-1.3.3",
    "1.5-1": "xgboost-1.5.2",
    "1.5-1-arm64": "xgboost-1.5.2",
    "1.7-1": "xgboost-1.7.4",
    "3.0-5": "xgboost-3.0.5",
    "3.2-0": "xgboost-3.2.0",
}
REGISTRIES = (
    "683313688378.dkr.ecr.us-east-1.amazonaws.com",
    "450853457545.dkr.ecr.cn-north-1.amazonaws.com.cn",
    "833128469047.dkr.ecr.us-iso-east-1.c2s.ic.gov",
    "000000000000.dkr.ecr.nowhere-1.localhost:4566",
)
KNOWN = catalog.load(None)

EXAMPLES = {
    "*": "any",
    "[0-2].*": "2.3",
    "2.1[78]-*": "2.17-cpu-py310",
    "2.1[78].*": "2.18.0-cpu-py310",
    "2.1[56]-*": "2.16-cpu-py310",
    "2.1[56].*": "2.16.2-cpu-py310",
    "2.*": "2.4.1-cpu-py37",
    "*-transformers5.*": "2.9.0-transformers5.3-gpu-py312",
    "*-transformers4.5[5-9]*": "2.8.0-transformers4.56.2-gpu-py312",
    "*-transformers4.49*": "2.5.1-transformers4.49-gpu-py311",
    "*-transformers4.5[0-4]*": "2.6.0-transformers4.51.3-gpu-py312",
    "*-transformers4.48*": "2.3.0-transformers4.48.0-gpu-py311",
    "*-transformers4.*": "1.13.1-transformers4.26.0-gpu-py39",
}
"""A tag for each pattern that is more than a beginning."""


@pytest.mark.parametrize("registry", REGISTRIES)
@pytest.mark.parametrize(("tag", "recipe"), SKLEARN.items())
def test_scikit_learn_runs_script_mode(registry: str, tag: str, recipe: str) -> None:
    image = KNOWN.resolve(f"{registry}/sagemaker-scikit-learn:{tag}")
    assert (image.recipe, image.entry) == (recipe, "script-mode")


@pytest.mark.parametrize("registry", REGISTRIES)
@pytest.mark.parametrize(("tag", "recipe"), XGBOOST.items())
def test_xgboost_runs_the_algorithm(registry: str, tag: str, recipe: str) -> None:
    image = KNOWN.resolve(f"{registry}/sagemaker-xgboost:{tag}")
    assert (image.recipe, image.entry) == (recipe, "xgboost")


@pytest.mark.parametrize("tag", ["1", "latest"])
def test_the_first_xgboost_algorithm_runs_the_oldest_release_that_installs(tag: str) -> None:
    image = KNOWN.resolve(f"811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:{tag}")
    assert image.recipe == "xgboost-0.90"
    assert image.substitutions == ("xgboost 0.72 is not installable on Python 3.11; this job runs xgboost 0.90.",)


@pytest.mark.parametrize(
    ("uri", "recipe"),
    [
        ("python:3.11", "python-3.11"),
        ("python:3.11-slim", "python-3.11"),
        ("python:3.11.9-bookworm", "python-3.11"),
        ("python:3", "python-3.11"),
        ("python", "python-3.11"),
        ("python:3.12-slim", "python-3.12"),
        ("python:3.10", "python-3.10"),
        ("python:3.14", "python-3.14"),
        ("public.ecr.aws/docker/library/python:3.11", "python-3.11"),
        ("docker.io/library/python:3.13", "python-3.13"),
        ("stepwell/python", "python-3.11"),
        ("081325390199.dkr.ecr.us-east-1.amazonaws.com/sagemaker-base-python:1.0", "python-3.11"),
    ],
)
def test_a_plain_python_has_no_program_of_its_own(uri: str, recipe: str) -> None:
    image = KNOWN.resolve(uri)
    assert (image.recipe, image.entry, image.substitutions) == (recipe, "python", ())


def test_a_patch_tag_is_not_taken_for_another_minor_version() -> None:
    with pytest.raises(UnknownImage):
        KNOWN.resolve("python:3.111")


@pytest.mark.parametrize(
    ("uri", "sentences"),
    [
        ("sagemaker-scikit-learn:1.2-1", ()),
        ("sagemaker-scikit-learn:1.9-0", ()),
        ("sagemaker-xgboost:1.7-1", ()),
        ("sagemaker-xgboost:3.0-5", ()),
        (
            "sagemaker-scikit-learn:0.23-1",
            ("scikit-learn 0.23.2 is not installable on Python 3.11; this job runs scikit-learn 1.1.3.",),
        ),
        ("python:3.9", ("Python 3.9 is not installable here; this job runs Python 3.10.",)),
    ],
)
def test_only_another_version_of_the_framework_is_a_substitution(uri: str, sentences: tuple[str, ...]) -> None:
    assert KNOWN.resolve(uri).substitutions == sentences


def test_what_else_differs_is_a_note() -> None:
    assert KNOWN.resolve("sagemaker-scikit-learn:1.2-1").notes == (
        "AWS's image holds Python 3.9, pandas 1.1.3, scipy 1.8.0;"
        " this job has Python 3.11, pandas 1.5.3, scipy 1.9.3.",
    )


def test_an_alias_counts_as_the_package_it_stands_for() -> None:
    assert KNOWN.recipes["xgboost-3.0.5"].packages()["xgboost"] == "3.0.5"


def test_strict_refuses_a_substitution_and_nothing_else() -> None:
    strict = catalog.load(None, strict=True)
    assert strict.resolve("sagemaker-scikit-learn:1.2-1-cpu-py3").recipe == "scikit-learn-1.2.1"
    with pytest.raises(StrictRefused, match=r"^ClientError: scikit-learn 0\.20\.0 .* strict = true"):
        strict.resolve("sagemaker-scikit-learn:0.20.0-cpu-py3")


def test_the_image_sets_what_aws_images_set() -> None:
    variables = KNOWN.resolve("sagemaker-xgboost:1.7-1").variables
    assert variables["PYTHONUNBUFFERED"] == "1"
    assert variables["SM_MODEL_DIR"] == "/opt/ml/model"
    assert variables["SAGEMAKER_TRAINING_MODULE"] == "sagemaker_xgboost_container.training:main"
    assert "PATH" not in variables


def test_an_unknown_repository_says_what_was_tried_and_how_to_add_it(tmp_path: Path) -> None:
    mine = tmp_path / "images.toml"
    mine.write_text("")
    uri = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/my-team/churn:v7"
    with pytest.raises(UnknownImage) as refused:
        catalog.load(mine).resolve(uri)
    message = str(refused.value)
    assert message.startswith("ClientError: ")
    assert uri in message
    assert "Neither the built-in catalogue nor your own lines know the repository." in message
    assert f'{mine}: [[image]] repository = "my-team/churn" [[image.version]] tag = "v7"' in message


def test_an_unknown_tag_names_the_known_ones() -> None:
    with pytest.raises(UnknownImage, match=r"known with the tags 0\.90-1, 0\.90-2, 1\.0-1, .*3\.2-0"):
        KNOWN.resolve("sagemaker-xgboost:9.9-9")


def test_an_image_by_digest_alone_is_unknown() -> None:
    with pytest.raises(UnknownImage):
        KNOWN.resolve(f"sagemaker-xgboost@sha256:{'0' * 64}")


@pytest.mark.parametrize("uri", ["", "not an image", "x" * 5000, f"r.example.com/{'x' * 4000}:{'t' * 128}"])
def test_a_refusal_fits_into_a_failure_reason(uri: str) -> None:
    with pytest.raises(UnknownImage) as refused:
        KNOWN.resolve(uri)
    assert str(refused.value).startswith("ClientError: ")
    assert len(str(refused.value)) <= 1024


def test_every_built_in_line_is_reachable() -> None:
    """No line hides behind an earlier one, and every recipe is used."""
    used = set()
    for version in (each for lines in KNOWN.lines for each in lines.versions):
        for tag in version.tags:
            plain = EXAMPLES.get(tag, tag.replace("[.-]*", "").replace("-*", "-x").replace("*", ""))
            assert KNOWN.resolve(f"{version.repositories[0]}:{plain}").recipe == version.recipe, tag
        used.add(version.recipe)
    assert used == set(KNOWN.recipes)
