"""Room images: whose registry an image comes from. In: a `Reference`. Out: whether AWS keeps its own images there.

Most repositories are known in every account. Those with names that anybody may use (`pca`, `knn`) are AWS's only in
the accounts of `accounts.toml`, a table for each group of images with the account of every region. Pure but for the
table, which is read once.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from stepwell.images.uris import Reference

TABLES = Path(__file__).with_name("accounts.toml")

_REGISTRY = re.compile(r"(?P<account>\d{12})\.dkr\.ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.[a-z0-9.:-]+")


@cache
def groups() -> Mapping[str, Mapping[str, str]]:
    """Group -> region -> account."""
    return tomllib.loads(TABLES.read_text(encoding="utf-8"))


def is_in(reference: Reference, group: str) -> bool:
    """AWS keeps the images of `group` in this registry. An image without a registry counts: it is named for short."""
    if not reference.registry:
        return True
    match = _REGISTRY.fullmatch(reference.registry)
    return match is not None and match["account"] in groups()[group].values()
