"""The images of an engine, as the supervisor of a container needs them: is it there, fetch it, what does it set.

In: an image's name as the request gives it. Out: the engine's description of it, or why it cannot be had.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

from stepwell.launchers.docker_engine import UNREACHABLE, Engine, EngineError, image_path


def find(engine: Engine, image: str) -> dict[str, object] | None:
    """What the engine says of `image`; None when it does not have it. Raises EngineError and UNREACHABLE."""
    try:
        return engine.call("GET", image_path(image))
    except EngineError as error:
        if error.status != 404:
            raise
        return None


def pull(engine: Engine, image: str, registry_auth: str) -> Iterator[str]:
    """Have the engine fetch `image`. Yields why it cannot be had; nothing when it was fetched."""
    headers = {"X-Registry-Auth": registry_auth} if registry_auth else {}
    path = f"/images/create?fromImage={quote(_tagged(image), safe='')}"
    try:
        with engine.stream("POST", path, headers=headers) as answer:
            for line in answer:
                told = json.loads(line) if line.strip() else {}
                if "error" in told:
                    yield str(told["error"])
    except (EngineError, ValueError, *UNREACHABLE) as error:
        yield str(error)


def with_path_of(image: dict[str, object], environment: list[str]) -> list[str]:
    """The variables `NAME=value`, with the image's own PYTHONPATH behind ours: its programs need it."""
    config = image.get("Config")
    own = (config.get("Env") or []) if isinstance(config, dict) else []
    paths = [each.partition("=")[2] for each in own if each.startswith("PYTHONPATH=")]
    return [f"{each}:{paths[0]}" if each.startswith("PYTHONPATH=") and paths else each for each in environment]


def _tagged(image: str) -> str:
    """An image without a tag is its `latest`; an engine would pull every tag."""
    last = image.rpartition("/")[2]
    return image if ":" in last or "@" in last else f"{image}:latest"
