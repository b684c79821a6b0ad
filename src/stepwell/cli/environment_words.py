"""How the environment of an earlier job stands here: is it there, and is it what its image would get today?

In: a job and the settings. Out: a sentence; and the lock files that say what is in an environment.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stepwell.images import catalog
from stepwell.images.catalog import Catalog, StrictRefused, UnknownImage
from stepwell.images.recipes import Recipe
from stepwell.machines.reproduction import NotedJob, is_repacking
from stepwell.settings import Settings

LAYERS = "layers"
LONGEST_REQUIREMENTS = 64 * 1024


@dataclass(frozen=True, slots=True)
class Lock:
    """What is in an environment, as text."""

    python: str
    text: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The catalogue and the environments of one installation."""

    catalog: Catalog
    folder: Path

    def sentence(self, job: NotedJob) -> str:
        """For people."""
        name = job.environment
        if not name:
            return "none: done by the server itself" if is_repacking(job) else "the image brings its own"
        recipe = self._recipe(job)
        now = recipe.key() if recipe is not None else None
        if name == now:
            return f"{name} ({'here' if (self.folder / name).exists() else 'will be built from its lock'})"
        if (self.folder / LAYERS / name).exists():
            return f"{name} (packages of a requirements.txt above {now or 'its image'}; here)"
        if "-" not in name:
            return f"{name} (packages of a requirements.txt, will be installed above {now or 'its image'})"
        return f"{name}; TODAY ITS IMAGE GETS {now or 'none: the image is not known here'}"

    def lock(self, job: NotedJob) -> Lock | None:
        """What was in the job's environment, as far as it is known here."""
        recipe = self._recipe(job)
        if recipe is None or not job.environment:
            return None
        text = "\n".join([recipe.text(), *recipe.requirements])
        if job.environment == recipe.key():
            return Lock(recipe.python, text)
        layer = self.folder / LAYERS / job.environment / "requirements.txt"
        if "-" not in job.environment and layer.is_file() and layer.stat().st_size <= LONGEST_REQUIREMENTS:
            above = layer.read_text(errors="replace")
            return Lock(recipe.python, f"{text}\n# requirements.txt of the job, above {recipe.key()}\n{above}")
        return None

    def _recipe(self, job: NotedJob) -> Recipe | None:
        try:
            return self.catalog.recipes.get(self.catalog.resolve(job.image).recipe)
        except (UnknownImage, StrictRefused):
            return None


def surroundings(set_up: Settings) -> Surroundings:
    """Those of these settings. Raises CatalogError."""
    accelerated = set_up.accelerators == "gpu" if set_up.accelerators else None
    found = catalog.load(set_up.images, strict=set_up.strict, accelerated=accelerated, launcher=set_up.launcher)
    return Surroundings(found, set_up.environments or set_up.data / "environments")
