"""Room images: the catalogue, from an image URI to what it means here. In: a URI. Out: an `Image`, or a refusal
whose text is the job's FailureReason.

A user's lines are asked before the built-in ones (`catalog*.toml`). What an environment holds differs from AWS's
image in places: where the framework itself differs that is a substitution (refused under `strict`), elsewhere a note.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from stepwell.images import catalog_files, uris
from stepwell.images.catalog_files import LauncherName, Lines, Missing, Version
from stepwell.images.recipes import LOCKS, Recipe

BUILT_IN = tuple(sorted(Path(__file__).parent.glob("catalog*.toml")))

GPU = Path("/dev/nvidia0")
"""There when the machine has a GPU that jobs may use."""

# The environment of AWS's framework containers (ENV lines of their public Dockerfiles). Here the packages are
# compiled once when the environment is built, so PYTHONDONTWRITEBYTECODE costs nothing.
_VARIABLES = {
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONIOENCODING": "UTF-8",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "OMP_WAIT_POLICY": "PASSIVE",  # ours: threads that spin while they wait cost tenfold on a busy host
    "PIP_ROOT_USER_ACTION": "ignore",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}
_NAMES = {"python": "Python"}

OWN = ""
"""The recipe of an image that an engine runs: it brings its own environment, and nothing is built."""


class UnknownImage(Exception):
    """No line of the catalogue provides the image. The text is fit for FailureReason."""


class StrictRefused(Exception):
    """The image would run another version of its framework, and `strict` forbids that. Fit for FailureReason."""


@dataclass(frozen=True, slots=True)
class Image:
    """What an image URI means here."""

    uri: str
    recipe: str
    """The environment to prepare (`environments.Environments.prepare`)."""
    entry: str
    """The program that runs when the request gives no ContainerEntrypoint: script-mode, xgboost or python."""
    variables: Mapping[str, str]
    """Environment variables the image sets; PATH is added when the container is built."""
    substitutions: tuple[str, ...]
    """Sentences for the job's log and Describe tags: the framework runs in another version than the tag says."""
    notes: tuple[str, ...]
    """Sentences for the job's log: what else differs from AWS's image."""
    launcher: LauncherName = "process"


@dataclass(frozen=True, slots=True)
class Catalog:
    """The images that are known: the user's lines first, then ours."""

    lines: tuple[Lines, ...]
    user_file: Path | None
    strict: bool
    launcher: LauncherName = "process"
    """What runs an image of which no line says it."""

    @property
    def recipes(self) -> dict[str, Recipe]:
        """Every recipe by name; a user's hides ours of the same name."""
        return {name: recipe for lines in reversed(self.lines) for name, recipe in lines.recipes.items()}

    def resolve(self, uri: str) -> Image:
        """What `uri` means here. Raises UnknownImage, or StrictRefused under `strict`."""
        reference = uris.parse(uri)
        if reference is None:
            raise UnknownImage(f"ClientError: {uri!r} is not an image URI ([registry/]repository[:tag]).")
        if self._launcher(reference) == "docker":
            return Image(uri, OWN, "", {}, (), (), "docker")
        versions = [each for lines in self.lines for each in lines.versions if each.has_repository(reference)]
        for version in versions:
            if version.has_tag(reference):
                return self._image(uri, reference.tag, version)
        for missing in (each for lines in self.lines for each in lines.missing):
            if not versions and missing.has_repository(reference):
                raise UnknownImage(_not_to_be_had(uri, missing.text, reference, self.user_file))
        raise UnknownImage(_unknown(uri, reference, versions, self._is_foreign(reference), self.user_file))

    def _launcher(self, reference: uris.Reference) -> LauncherName:
        said = (each for lines in self.lines for each in lines.launched if each.has_repository(reference))
        return next((each.launcher for each in said), self.launcher)

    def _is_foreign(self, reference: uris.Reference) -> bool:
        """An image called like one that is AWS's in AWS's accounts only."""
        return any(
            each.is_foreign(reference)
            for lines in self.lines
            for each in cast("tuple[Version | Missing, ...]", (*lines.versions, *lines.missing))
        )

    def _image(self, uri: str, tag: str, version: Version) -> Image:
        recipe = self.recipes[version.recipe]
        packages, held = recipe.packages(), version.held_by(tag)
        substitutions = _substitutions(version.framework, held, recipe, packages)
        if self.strict and substitutions:
            raise StrictRefused(
                f"ClientError: {substitutions[0]} Image {uri!r} is refused because strict = true;"
                " set strict = false to accept the substitution."
            )
        variables = _VARIABLES | dict(version.variables)
        notes = (*filter(None, [version.note]), *_notes(version.framework, held, packages))
        return Image(uri, recipe.name, version.entry, variables, substitutions, notes)


def load(
    user_file: Path | None,
    *,
    strict: bool = False,
    accelerated: bool | None = None,
    launcher: LauncherName = "process",
) -> Catalog:
    """The built-in catalogue, with the lines of `user_file` before it. Raises CatalogError for a broken file.

    `accelerated`: bring frameworks in their builds for GPUs; None: as the machine has one or not.
    `launcher`: what runs the images of which no line says it.
    """
    has_gpu = GPU.exists() if accelerated is None else accelerated
    files = [(each, LOCKS) for each in BUILT_IN]
    if user_file is not None:
        files.insert(0, (user_file, user_file.parent))
    read = tuple(catalog_files.read(*each, accelerated=has_gpu) for each in files)
    catalog = Catalog(read, user_file, strict, launcher)
    recipes = catalog.recipes
    for lines, (path, _) in zip(catalog.lines, files, strict=True):
        unknown = sorted({each.recipe for each in lines.versions} - set(recipes))
        if unknown:
            known = ", ".join(sorted(recipes))
            raise catalog_files.CatalogError(f"{path}: unknown recipe {', '.join(unknown)}. Known: {known}.")
    return catalog


def _is_same(asked: str, found: str) -> bool:
    """`0.25` is held by 0.25 and by 0.25.3, and by 0.25+cpu: what stands after the plus is a build, not a release."""
    release = found.partition("+")[0]
    return release == asked or release.startswith(f"{asked}.")


def _substitutions(
    name: str, held: Mapping[str, str], recipe: Recipe, packages: Mapping[str, str]
) -> tuple[str, ...]:
    """`held`: what AWS's image has; `packages`: what the recipe has. One sentence when the framework differs."""
    asked, found = held.get(name), packages.get(name)
    if asked is None or found is None or _is_same(asked, found):
        return ()
    shown = _NAMES.get(name, name)
    if recipe.requirements:
        return (f"{shown} {asked} is not in the catalogue; this job runs {shown} {found}.",)
    where = "here" if name == "python" else f"on Python {packages['python']}"
    return (f"{shown} {asked} is not installable {where}; this job runs {shown} {found}.",)


def _notes(framework: str, held: Mapping[str, str], packages: Mapping[str, str]) -> tuple[str, ...]:
    """One sentence on the packages beside the framework, or none."""
    other = {
        name: (asked, packages[name])
        for name, asked in held.items()
        if name != framework and name in packages and not _is_same(asked, packages[name])
    }
    if not other:
        return ()
    theirs = ", ".join(f"{_NAMES.get(name, name)} {asked}" for name, (asked, _) in other.items())
    ours = ", ".join(f"{_NAMES.get(name, name)} {found}" for name, (_, found) in other.items())
    return (f"AWS's image holds {theirs}; this job has {ours}.",)


def _unknown(
    uri: str, reference: uris.Reference, versions: list[Version], is_foreign: bool, user_file: Path | None
) -> str:
    """Names the image, what was tried and what to do; below the 1024 characters of a FailureReason."""
    if versions:
        tags = ", ".join(tag for each in versions for tag in each.tags if "*" not in tag)
        tried = f"Repository {reference.repository!r} is known with the tags {tags}."
    elif is_foreign:
        tried = "Its name is that of an algorithm of AWS's, but its registry is not one of those AWS keeps that in."
    else:
        tried = "Neither the built-in catalogue nor your own lines know the repository."
    found = f"ClientError: no environment is known for image {uri[:300]!r}. {tried[:250]}"
    return f"{found} {_advice(reference, user_file)}"


def _not_to_be_had(uri: str, missing: str, reference: uris.Reference, user_file: Path | None) -> str:
    """The same for an image that is known: what it needs that is not here."""
    return f"ClientError: image {uri[:200]!r} cannot be had here. {missing[:350]} {_advice(reference, user_file)}"


def _advice(reference: uris.Reference, user_file: Path | None) -> str:
    place = user_file or "a file of your own that `stepwell up --images FILE` (or STEPWELL_IMAGES) names"
    tag = reference.tag or "*"
    return (
        f"To add it, put into {place}: "
        f'[[image]] repository = "{reference.repository[:100]}" [[image.version]] tag = "{tag[:50]}" '
        'recipe = "python-3.11" (each on a line of its own; docs/images.md).'
    )
