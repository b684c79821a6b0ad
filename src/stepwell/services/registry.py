"""The one door: `call(service, operation, params)` is how anything in Stepwell gets anything done.

A handler is a function marked `@operation` in `services/<service>/<noun>.py`; its name in snake_case is its
registration. `Door` finds them, checks a request against AWS's service model and hands it on. A service is imported,
and its model read, when it is first asked for: together they would be a fifth of a server's start.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

from botocore import xform_name

from stepwell import services
from stepwell.base import clock
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault, not_implemented
from stepwell.blobs.folder import Blobs
from stepwell.spec import models, validation
from stepwell.store import signals, work
from stepwell.store.database import Database, Transaction

CacheMode: TypeAlias = Literal["uri", "content"]


@dataclass(frozen=True, slots=True)
class Site:
    """One installation of Stepwell: where its data is, and what handlers work on."""

    data: Path
    account: str
    endpoint: str
    """Where this server is reached, such as http://127.0.0.1:4566."""
    database: Database
    blobs: Blobs
    roused: Callable[[], None] = lambda: None
    """Tells the runtime of this process that work is due; the work table is what counts."""
    cache: CacheMode = "uri"
    """What two runs of a cached step must share of their inputs: where they lie, as on AWS, or what is in them."""

    def wake(
        self, transaction: Transaction, machine: str, subject: str, due: float, *, about: str | None = None
    ) -> None:
        """Have `machine` look at `subject` at `due`, as soon as this transaction is safe.

        `about` says what of it: an ARN, of which the machine is told (store/signals.py).
        """
        work.wake(transaction, machine, subject, due)
        if about is not None:
            signals.add(transaction, subject, about)
        transaction.on_commit(self.roused)


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way: whose it is, when it came, and what it may work with."""

    door: Door
    site: Site
    scope: Scope
    now: float

    def call(self, service: str, operation: str, params: Document) -> Document:
        """Ask another noun, as the same caller."""
        return self.door.call(self.scope, service, operation, params)


Handler = Callable[[Call, Document], Document]


def operation(handler: Handler) -> Handler:
    """Marks a function as the operation of its name."""
    handler.__dict__["stepwell_operation"] = True
    return handler


class Door:
    """Checks requests and hands them to their handler. Thread-safe; holds nothing but the handlers.

    `instead` stands in for some operations: simulations bring nouns whose outcomes are scripted.
    """

    def __init__(self, site: Site, instead: Mapping[tuple[str, str], Handler] | None = None) -> None:
        self.site = site
        self._instead = instead or {}

    def call(self, scope: Scope, service: str, name: str, params: Document) -> Document:
        """Perform one operation as `scope`. Returns the operation's output; raises Fault."""
        handler = self._instead.get((service, name)) or handlers_of(service).get(name)
        if handler is None:
            raise _unknown(service, name)
        request = validation.check(models.operation(service, name), params)
        return handler(Call(self, self.site, scope, clock.now()), request)


def handlers() -> Iterator[tuple[tuple[str, str], Handler]]:
    """Every handler by (service, operation), found by being in its folder."""
    for service in _folders():
        for name, handler in handlers_of(service).items():
            yield (service, name), handler


@cache
def handlers_of(service: str) -> Mapping[str, Handler]:
    """The handlers of one service by operation; none when there is no folder for it."""
    folder = _folders().get(service)
    if folder is None:
        return {}
    names: Mapping[str, str] = {xform_name(name): name for name in models.operations(service)}
    package = importlib.import_module(f"stepwell.services.{folder}")
    nouns = [
        importlib.import_module(f"{package.__name__}.{entry.name}")
        for entry in pkgutil.iter_modules(package.__path__)
    ]
    return {
        names[attribute]: value
        for noun in nouns
        for attribute, value in vars(noun).items()
        if getattr(value, "__dict__", {}).get("stepwell_operation") and value.__module__ == noun.__name__
    }


@cache
def _folders() -> Mapping[str, str]:
    """The folder of each service, by botocore's name of it."""
    folders = (entry.name for entry in pkgutil.iter_modules(services.__path__) if entry.ispkg)
    return {folder.rstrip("_").replace("_", "-"): folder for folder in folders}


def _unknown(service: str, name: str) -> Fault:
    if name in models.operations(service):
        return not_implemented(service, name)
    return Fault("UnknownOperationException", f"The operation {service}:{name} does not exist.")
