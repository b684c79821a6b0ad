"""Room images: an image URI taken apart. In: what stands in TrainingImage or ImageUri. Out: a `Reference`.

The grammar is Docker's: `[registry/]repository[:tag][@digest]`; the first part is a registry when it holds a dot
or a colon, or is `localhost`. Pure; nothing here knows which images exist.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_GRAMMAR = re.compile(
    r"(?:(?P<registry>(?:[^/@]*[.:][^/@]*|localhost))/)?"
    r"(?P<repository>[a-z0-9]+(?:(?:[._/]|__|-+)[a-z0-9]+)*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?"
    r"(?:@(?P<digest>[a-z0-9]+:[0-9a-fA-F]{32,}))?"
)


@dataclass(frozen=True, slots=True)
class Reference:
    """The parts of an image URI. A URI with neither tag nor digest means the tag `latest`."""

    registry: str
    repository: str
    tag: str
    digest: str = ""


def parse(uri: str) -> Reference | None:
    """The parts of `uri`, or None when Docker's grammar does not know such a URI."""
    match = _GRAMMAR.fullmatch(uri)
    if match is None:
        return None
    digest = match["digest"] or ""
    tag = match["tag"] or ("" if digest else "latest")
    return Reference(match["registry"] or "", match["repository"], tag, digest)
