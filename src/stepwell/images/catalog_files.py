"""Room images: catalogue files read and checked. In: a TOML file, ours or a user's. Out: `Lines`, typed once.

Both have the same grammar: `[[image]]` with `[[image.version]]` below it, and `[recipe.<name>]`. A file that breaks
it raises `CatalogError` naming the file, the place and what was expected: a typing error must not lose an image.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from stepwell.images.recipes import Recipe
from stepwell.images.uris import Reference

ENTRIES = ("script-mode", "xgboost", "python")
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

    def has_repository(self, reference: Reference) -> bool:
        """The repository is one of this version's; the registry, so account and region, never matters."""
        return any(fnmatchcase(reference.repository, pattern) for pattern in self.repositories)

    def has_tag(self, reference: Reference) -> bool:
        """The tag is one of this version's. An image named by digest alone has only the tag `*`."""
        return any(pattern == "*" or fnmatchcase(reference.tag, pattern) for pattern in self.tags)


@dataclass(frozen=True, slots=True)
class Lines:
    """What one catalogue file says."""

    versions: tuple[Version, ...]
    recipes: Mapping[str, Recipe]


def read(path: Path, locks: Path) -> Lines:
    """The lines of the file at `path`; its lock files are named relative to `locks`. Raises CatalogError."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CatalogError(f"{path}: {error}") from error
    top = _Table(document, str(path), ("image", "recipe"))
    images = [_Table(each, f"{path}: image[{n}]", _IMAGE_KEYS) for n, each in enumerate(top.tables("image"))]
    versions = [version for image in images for version in _versions(image)]
    named = top.table("recipe")
    recipes = {name: _recipe(name, table, f"{path}: recipe.{name}", locks) for name, table in named.items()}
    return Lines(tuple(versions), recipes)


_IMAGE_KEYS = ("repository", "entry", "framework", "variables", "version")


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
            )
        )
    if not found:
        raise CatalogError(f"{image.place}: expected at least one [[image.version]] with tag and recipe.")
    return found


def _recipe(name: str, document: Any, place: str, locks: Path) -> Recipe:
    table = _Table(document, place, ("python", "locks", "aliases"))
    if not name.replace("-", "").replace(".", "").replace("_", "").isalnum():
        raise CatalogError(f"{place}: a recipe's name is letters, digits, '.', '-' and '_'.")
    files = tuple(locks / each for each in table.texts("locks"))
    missing = [str(each) for each in files if not each.is_file()]
    if missing:
        raise CatalogError(f"{place}.locks: no such file: {', '.join(missing)}.")
    return Recipe(name, table.text("python", "3.11"), files, table.strings("aliases"))


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

    def texts(self, key: str) -> tuple[str, ...]:
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
