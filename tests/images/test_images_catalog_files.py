"""A user's own lines: they come first, and a mistake in them is told with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepwell.images import catalog
from stepwell.images.catalog_files import CatalogError

MINE = """
[[image]]
repository = ["my-team/*", "sagemaker-xgboost"]
entry = "script-mode"
framework = "churn"
variables = { STAGE = "test" }

[[image.version]]
tag = "1.*"
recipe = "churn"
holds = { churn = "1.0" }

[[image.version]]
tag = "*"
recipe = "scikit-learn-1.2.1"

[recipe.churn]
python = "3.12"
locks = ["churn.txt"]
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    (tmp_path / "churn.txt").write_text("churn==2.0\nnumpy==2.1.0\n")
    path = tmp_path / "images.toml"
    path.write_text(MINE)
    return path


def test_user_lines_come_before_ours(mine: Path) -> None:
    known = catalog.load(mine)
    image = known.resolve("123.dkr.ecr.eu-west-1.amazonaws.com/my-team/churn:1.4")
    assert (image.recipe, image.entry, image.variables["STAGE"]) == ("churn", "script-mode", "test")
    assert image.substitutions == ("churn 1.0 is not installable on Python 3.12; this job runs churn 2.0.",)
    assert known.resolve("sagemaker-xgboost:1.7-1").recipe == "churn"
    assert known.resolve("sagemaker-xgboost:3.0-5").recipe == "scikit-learn-1.2.1"
    assert known.resolve("sagemaker-scikit-learn:1.2-1").recipe == "scikit-learn-1.2.1"


def test_a_star_takes_an_image_by_digest(mine: Path) -> None:
    uri = f"my-team/other@sha256:{'a' * 64}"
    assert catalog.load(mine).resolve(uri).recipe == "scikit-learn-1.2.1"


def test_lock_files_stand_beside_the_users_file(mine: Path) -> None:
    recipe = catalog.load(mine).recipes["churn"]
    assert recipe.locks == (mine.parent / "churn.txt",)
    assert not recipe.is_hashed()
    assert recipe.packages() == {"churn": "2.0", "numpy": "2.1.0", "python": "3.12"}


def test_a_recipes_key_follows_its_content(mine: Path) -> None:
    before = catalog.load(mine).recipes["churn"].key()
    assert before == catalog.load(mine).recipes["churn"].key()
    (mine.parent / "churn.txt").write_text("churn==2.1\n")
    assert catalog.load(mine).recipes["churn"].key() != before
    mine.write_text(MINE.replace('"3.12"', '"3.11"'))
    assert len({before, catalog.load(mine).recipes["churn"].key()}) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[image", r"images\.toml: "),
        ("[[images]]", r"images\.toml: unknown images\. Known: image, recipe\."),
        ("image = 1", r"images\.toml\.image: expected a list of tables, found 1\."),
        ("[[image]]\nrepository = 'a'", r"image\[0\]: expected at least one \[\[image\.version\]\]"),
        (
            "[[image]]\n[[image.version]]\ntag='1'\nrecipe='python-3.11'",
            r"image\[0\]\.repository: expected a text or",
        ),
        (
            "[[image]]\nrepository=''\nentry='serve'\n[[image.version]]",
            r"entry: expected one of script-mode, pytorch, tensorflow, xgboost, ",
        ),
        (
            "[[image]]\nrepository='a'\n[[image.version]]\ntag=1\nrecipe='r'",
            r"image\[0\]\.version\[0\]\.tag: expected a te",
        ),
        (
            "[[image]]\nrepository='a'\n[[image.version]]\ntag='1'",
            r"version\[0\]\.recipe: expected a text, found None\.",
        ),
        (
            "[[image]]\nrepository='a'\n[[image.version]]\ntag='1'\nrecipe='nope'",
            r"unknown recipe nope\. Known: huggingface-4",
        ),
        (
            "[[image]]\nrepository='a'\nvariables={A=1}\n[[image.version]]\ntag='1'\nrecipe='r'",
            r"variables: expected te",
        ),
        ("[recipe.x]\nlocks=['../missing.txt']", r"recipe\.x\.locks: no such file: "),
        ("[recipe.'../x']\nlocks=['images.toml']", r"a recipe's name is letters, digits"),
        ("[recipe.x]\npackages=['a']", r"recipe\.x: unknown packages\. Known: python, locks, aliases, "),
        ("[recipe.x]\npython='3.11'", r"recipe\.x\.locks: expected a text or a list of texts"),
        ("[recipe.x]\nrequirements=['a']\ninstaller='conda'", r"installer: expected one of uv, pip, found 'conda'"),
        ("[[image]]\nrepository='a'\naccounts='mine'\nmissing='x'", r"accounts: expected one of algorithms, first-x"),
        ("[[image]]\nrepository='a'\ntag_holds='('\n[[image.version]]\ntag='1'\nrecipe='r'", r"tag_holds: "),
        (
            "[[image]]\nrepository='a'\nmissing='x'\n[[image.version]]\ntag='1'\nrecipe='r'",
            r"image\[0\]: expected at least one",
        ),
        ("recipe = []", r"\.recipe: expected a table, found \[\]\."),
        ("[recipe]\nx = 1", r"recipe\.x: expected a table, found 1\."),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "images.toml"
    path.write_text(text)
    with pytest.raises(CatalogError, match=message):
        catalog.load(path)


def test_a_missing_file_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"images\.toml"):
        catalog.load(tmp_path / "images.toml")
