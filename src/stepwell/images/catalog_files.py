"""Room images: catalogue files read and checked. In: a TOML file, ours or a user's. Out: `Lines`, typed once.

Both have the same grammar: `[[image]]` with `[[image.version]]` below it, and `[recipe.<name>]`; an `[[image]]` with
`missing` instead of versions is known and not to be had; `launcher` says what runs it. A file that breaks the grammar
raises `CatalogError` naming the file, the place and what was expected: a typing error must not lose an image.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast, get_args

from stepwell.images import accounts
from stepwell.images.recipes import Installer, Recipe
from stepwell.images.uris import Reference

ALGORITHMS = ("linear-learner", "kmeans", "pca", "randomcutforest", "knn")
"""The built-in algorithms that have programs of their own, XGBoost apart."""

LauncherName: TypeAlias = Literal["process", "docker"]
"""What runs an image: an environment of this machine, or a container engine the image itself."""

ENTRIES = ("script-mode", "pytorch", "tensorflow", "xgboost", *ALGORITHMS, "python")
"""The programs an image can run of its own accord (`programs/__main__.py`)."""


class CatalogError(Exception):
    """A catalogue file is not what it should be."""


@dataclass(frozen=True, slots=True)
class Version:
    """One `[[image.version]]`: the tags of a repository that share an environment."""

    repositories: tuple[str, ...]
    tags: tuple[str, ...]
    recipe: str
    entry: str
    framework: str
    variables: Mapping[str, str]
    holds: Mapping[str, str]
    accounts: str = ""
    """The group of accounts (`accounts.py`) the image must come from; empty: any registry will do."""
    tag_holds: re.Pattern[str] | None = None
    """What the tag says of itself: groups named like packages, and `python` as in py311."""
    note: str = ""

    def has_repository(self, reference: Reference) -> bool:
        """The repository is one of this version's, in a registry that counts."""
        return _has_repository(self.repositories, self.accounts, reference)

    def is_foreign(self, reference: Reference) -> bool:
        """The repository is one of this version's, but the registry does not count."""
        return _is_foreign(self.repositories, self.accounts, reference)

    def held_by(self, tag: str) -> dict[str, str]:
        """Package -> version in AWS's image of that tag, as far as it is known."""
        match = self.tag_holds.fullmatch(tag) if self.tag_holds else None
        said = {name: text for name, text in match.groupdict().items() if text} if match else {}
        if len(said.get("python", "")) > 1:
            said["python"] = f"{said['python'][0]}.{said['python'][1:]}"
        return {**said, **self.holds}

    def has_tag(self, reference: Reference) -> bool:
        """The tag is one of this version's. An image named by digest alone has only the tag `*`."""
        return any(pattern == "*" or fnmatchcase(reference.tag, pattern) for pattern in self.tags)


@dataclass(frozen=True, slots=True)
class Missing:
    """An `[[image]]` that is known and cannot be had here. `text` says what it is and what is missing."""

    repositories: tuple[str, ...]
    accounts: str
    text: str

    def has_repository(self, reference: Reference) -> bool:
        """The image is this one."""
        return _has_repository(self.repositories, self.accounts, reference)

    def is_foreign(self, reference: Reference) -> bool:
        """The repository is this one, but the registry does not count."""
        return _is_foreign(self.repositories, self.accounts, reference)


@dataclass(frozen=True, slots=True)
class Launched:
    """An `[[image]]` with `launcher`: what runs it, whatever the setting says."""

    repositories: tuple[str, ...]
    accounts: str
    launcher: LauncherName

    def has_repository(self, reference: Reference) -> bool:
        """The image is this one."""
        return _has_repository(self.repositories, self.accounts, reference)


def _has_repository(repositories: tuple[str, ...], group: str, reference: Reference) -> bool:
    return _is_named(repositories, reference) and (not group or accounts.is_in(reference, group))


def _is_foreign(repositories: tuple[str, ...], group: str, reference: Reference) -> bool:
    return _is_named(repositories, reference) and bool(group) and not accounts.is_in(reference, group)


def _is_named(repositories: tuple[str, ...], reference: Reference) -> bool:
    return any(fnmatchcase(reference.repository, pattern) for pattern in repositories)


@dataclass(frozen=True, slots=True)
class Lines:
    """What one catalogue file says."""

    versions: tuple[Version, ...]
    recipes: Mapping[str, Recipe]
    missing: tuple[Missing, ...] = ()
    launched: tuple[Launched, ...] = ()


def read(path: Path, locks: Path, *, accelerated: bool = False) -> Lines:
    """The lines of the file at `path`; its lock files are named relative to `locks`. Raises CatalogError.

    `accelerated`: the machine has GPUs, so recipes bring the packages they have for these.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CatalogError(f"{path}: {error}") from error
    top = _Table(document, str(path), ("image", "recipe"))
    images = [_Table(each, f"{path}: image[{n}]", _IMAGE_KEYS) for n, each in enumerate(top.tables("image"))]
    versions = [version for image in images for version in _versions(image)]
    missing = tuple(each for image in images for each in _missing(image))
    named = top.table("recipe")
    recipes = {
        name: _recipe(name, table, f"{path}: recipe.{name}", locks, accelerated) for name, table in named.items()
    }
    launched = tuple(each for image in images for each in _launched(image))
    return Lines(tuple(versions), recipes, missing, launched)


_IMAGE_KEYS = (
    "repository", "accounts", "entry", "framework", "tag_holds", "note", "variables", "version", "missing",
    "launcher",
)  # fmt: skip
_RECIPE_KEYS = ("python", "locks", "aliases", "requirements", "accelerated", "installer")


def _accounts(image: _Table) -> str:
    group = image.text("accounts", "")
    if group and group not in accounts.groups():
        known = ", ".join(accounts.groups())
        raise CatalogError(f"{image.place}.accounts: expected one of {known}, found {group!r}.")
    return group


def _pattern(image: _Table) -> re.Pattern[str] | None:
    text = image.text("tag_holds", "")
    try:
        return re.compile(text) if text else None
    except re.error as error:
        raise CatalogError(f"{image.place}.tag_holds: {error}.") from error


def _missing(image: _Table) -> list[Missing]:
    text = image.text("missing", "")
    return [Missing(image.texts("repository"), _accounts(image), text)] if text else []


def _launched(image: _Table) -> list[Launched]:
    name = image.text("launcher", "")
    if name and name not in get_args(LauncherName):
        raise CatalogError(f"{image.place}.launcher: expected one of process, docker, found {name!r}.")
    return [Launched(image.texts("repository"), _accounts(image), cast("LauncherName", name))] if name else []


def _versions(image: _Table) -> list[Version]:
    entry = image.text("entry", "python")
    if entry not in ENTRIES:
        raise CatalogError(f"{image.place}.entry: expected one of {', '.join(ENTRIES)}, found {entry!r}.")
    found = []
    for number, each in enumerate(image.tables("version")):
        table = _Table(each, f"{image.place}.version[{number}]", ("tag", "recipe", "holds"))
        found.append(
            Version(
                repositories=image.texts("repository"),
                tags=table.texts("tag"),
                recipe=table.text("recipe"),
                entry=entry,
                framework=image.text("framework", ""),
                variables=image.strings("variables"),
                holds=table.strings("holds"),
                accounts=_accounts(image),
                tag_holds=_pattern(image),
                note=image.text("note", ""),
            )
        )
    launcher = image.text("launcher", "")
    if launcher == "docker" and found:
        raise CatalogError(f"{image.place}: an image that Docker runs has no [[image.version]]: it brings its own.")
    if not launcher and bool(found) == bool(image.text("missing", "")):
        raise CatalogError(f"{image.place}: expected at least one [[image.version]] with tag and recipe.")
    return found


def _recipe(name: str, document: Any, place: str, locks: Path, accelerated: bool) -> Recipe:
    table = _Table(document, place, _RECIPE_KEYS)
    if not name.replace("-", "").replace(".", "").replace("_", "").isalnum():
        raise CatalogError(f"{place}: a recipe's name is letters, digits, '.', '-' and '_'.")
    plain = table.texts("requirements", ())
    requirements = table.texts("accelerated", plain) if accelerated else plain
    files = tuple(locks / each for each in table.texts("locks", () if requirements else None))
    missing = [str(each) for each in files if not each.is_file()]
    if missing:
        raise CatalogError(f"{place}.locks: no such file: {', '.join(missing)}.")
    installer = table.text("installer", "uv")
    if installer not in get_args(Installer):
        known = ", ".join(get_args(Installer))
        raise CatalogError(f"{place}.installer: expected one of {known}, found {installer!r}.")
    python = table.text("python", "3.11")
    return Recipe(name, python, files, table.strings("aliases"), requirements, cast("Installer", installer))


class _Table:
    """A TOML table whose keys are known; every reader checks the type and names the place."""

    def __init__(self, document: object, place: str, keys: tuple[str, ...]) -> None:
        if not isinstance(document, dict):
            raise CatalogError(f"{place}: expected a table, found {document!r}.")
        unknown = sorted(set(document) - set(keys))
        if unknown:
            raise CatalogError(f"{place}: unknown {', '.join(unknown)}. Known: {', '.join(keys)}.")
        self.place = place
        self._document: dict[str, Any] = document

    def text(self, key: str, default: str | None = None) -> str:
        value = self._document.get(key, default)
        if not isinstance(value, str):
            raise CatalogError(f"{self.place}.{key}: expected a text, found {value!r}.")
        return value

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        if default is not None and key not in self._document:
            return default
        value = self._document.get(key)
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not values or not all(isinstance(each, str) for each in values):
            raise CatalogError(f"{self.place}.{key}: expected a text or a list of texts, found {value!r}.")
        return tuple(values)

    def strings(self, key: str) -> dict[str, str]:
        values = self.table(key)
        if not all(isinstance(each, str) for each in values.values()):
            raise CatalogError(f"{self.place}.{key}: expected texts, found {values!r}.")
        return values

    def table(self, key: str) -> dict[str, Any]:
        value = self._document.get(key, {})
        if not isinstance(value, dict):
            raise CatalogError(f"{self.place}.{key}: expected a table, found {value!r}.")
        return value

    def tables(self, key: str) -> list[Any]:
        value = self._document.get(key, [])
        if not isinstance(value, list):
            raise CatalogError(f"{self.place}.{key}: expected a list of tables, found {value!r}.")
        return value
