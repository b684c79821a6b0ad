"""One changed resource, as recorders see it: see `recording.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stepwell.base.arn import Scope
from stepwell.services.registry import Site
from stepwell.store.database import Transaction
from stepwell.store.resources import Resource


@dataclass(frozen=True, slots=True)
class Recorded:
    """A resource as it stands now, and the transaction in which what follows from it is written."""

    site: Site
    transaction: Transaction
    resource: Resource

    @property
    def scope(self) -> Scope:
        """Whose it is."""
        return Scope(self.resource.key.account, self.resource.key.region)


Recorder = Callable[[Recorded], None]
"""Writes what follows from a resource. It is called again for every change, and must be safe to repeat."""
