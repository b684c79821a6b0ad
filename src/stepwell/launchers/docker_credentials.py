"""The user's registry passwords, as `docker login` and `podman login` leave them in Docker's `config.json`.

In: an image. Out: the header X-Registry-Auth of its pull. Only passwords that stand in the file are known; those of
a credential helper are not, and such images are to be pulled by hand.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path

HUB = "https://index.docker.io/v1/"


def registry_auth(image: str, environment: Mapping[str, str]) -> str:
    """The header's value for a pull of `image`; empty when no password of its registry is known."""
    folder = environment.get("DOCKER_CONFIG") or f"{environment.get('HOME', '/root')}/.docker"
    registry = _registry(image)
    try:
        auths = json.loads((Path(folder) / "config.json").read_text())["auths"]
        packed = next(
            auths[key]["auth"] for key in (registry, f"https://{registry}") if auths.get(key, {}).get("auth")
        )
        user, _, password = base64.b64decode(packed, validate=True).decode().partition(":")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration):
        return ""
    document = {"username": user, "password": password, "serveraddress": registry}
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode()


def _registry(image: str) -> str:
    """The registry of an image: what stands before the first slash if it looks like a host, else Docker's own."""
    first, slash, _ = image.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else HUB
