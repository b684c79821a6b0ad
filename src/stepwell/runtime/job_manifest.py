"""Room runtime: notes which objects a job reads and writes. In: what staging brought; uploads. Out: Pieces.

Code that a training toolkit fetches by itself is noted as well: it lies where a hyperparameter says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from stepwell.container.objects import Objects, StorageRefused, StoredObject, exactly
from stepwell.container.plan import Location, Output, Refusal, location
from stepwell.container.staging import Brought
from stepwell.images import requirement_layers
from stepwell.images.environments import NONE
from stepwell.runtime.job_looks import Look
from stepwell.store.job_manifests import Piece

CODE = "sagemaker_submit_directory"
"""The channel under which fetched code stands: the hyperparameter that says where it lies."""


@dataclass(frozen=True, slots=True)
class NotingObjects:
    """Passes everything on, and notes what was put. Meets container.objects.Objects."""

    objects: Objects
    put_there: dict[tuple[str, str], None] = field(default_factory=dict)

    def under(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        return self.objects.under(bucket, prefix)

    def read(self, item: StoredObject) -> bytes:
        return self.objects.read(item)

    def place(self, item: StoredObject, target: Path) -> None:
        self.objects.place(item, target)

    def put(self, bucket: str, key: str, source: Path) -> None:
        self.objects.put(bucket, key, source)
        self.put_there[bucket, key] = None

    def give(self, bucket: str, key: str, source: Path) -> None:
        self.objects.give(bucket, key, source)
        self.put_there[bucket, key] = None

    def pieces(self, outputs: Sequence[Output]) -> tuple[Piece, ...]:
        """What was put, as it lies there now, under the names of the outputs that it belongs to."""
        found = (exactly(self.objects, *place) for place in self.put_there)
        return tuple(_piece(_channel(item, outputs), item) for item in found if item is not None)


def read(brought: Sequence[Brought], objects: Objects, look: Look) -> tuple[Piece, ...]:
    """What the job reads: what was brought, and the code that it fetches."""
    pieces = [_piece(each.input, each.item) for each in brought]
    given = look.record.document.get("HyperParameters")
    source = requirement_layers.code_of(given) if given else None
    if source is not None:
        with suppress(StorageRefused, Refusal):  # the job looks for its code itself, and says so if it is not there
            where = location(source)
            item = exactly(objects, where.bucket, where.key)
            if item is not None:
                pieces.append(_piece(CODE, item))
    return tuple(pieces)


def environment(look: Look) -> str:
    """The name of the environment the job runs in; empty when its image brings one."""
    found = look.environment
    return "" if found is None or found == NONE else found.prefix.name


def _channel(item: StoredObject, outputs: Sequence[Output]) -> str:
    """The name of the output that the object is in: of several, that whose place is the most exact."""
    fitting = [each for each in outputs if _is_in(item, each.location)]
    return max(fitting, key=lambda each: len(each.location.key)).name if fitting else ""


def _is_in(item: StoredObject, place: Location) -> bool:
    return item.bucket == place.bucket and (item.key == place.key or item.key.startswith(place.key.rstrip("/") + "/"))


def _piece(channel: str, item: StoredObject) -> Piece:
    return Piece(channel, item.bucket, item.key, item.size, item.content)
