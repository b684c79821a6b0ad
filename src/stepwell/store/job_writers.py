"""Room store: which jobs wrote an object. In: buckets and keys. Out: ARNs and the outputs that fit.

There is no index of outputs by URI: a question that people ask now and then does not make every job pay. All
manifests are looked through, and of most only whether the key stands in them at all.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Iterator

from sqlalchemy import Connection, select

from stepwell.store.job_manifests import Piece, table

_OUTPUTS = select(table.c.job, table.c.outputs)


def of_objects(connection: Connection, places: Collection[tuple[str, str]]) -> Iterator[tuple[str, Piece]]:
    """Every job that wrote one of these (bucket, key), with what it wrote there."""
    wanted = set(places)
    if wanted:
        for job, piece in _all(connection, ""):
            if (piece.bucket, piece.key) in wanted:
                yield job, piece


def below(connection: Connection, bucket: str, prefix: str) -> Iterator[tuple[str, Piece]]:
    """Every job that wrote at that key or in that folder."""
    folder = prefix.rstrip("/") + "/"
    for job, piece in _all(connection, prefix.rstrip("/")):
        if piece.bucket == bucket and (piece.key == prefix or piece.key.startswith(folder) or not prefix):
            yield job, piece


def _all(connection: Connection, part: str) -> Iterator[tuple[str, Piece]]:
    """Outputs of all manifests in which that text stands."""
    needle = json.dumps(part)[1:-1].encode()
    for job, packed in connection.execute(_OUTPUTS):
        text = zlib.decompress(packed) if packed else b""
        if text and needle in text:
            for row in json.loads(text):
                yield job, Piece(*row)
