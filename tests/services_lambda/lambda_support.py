"""What tests of Lambda share: archives, callers, and functions that really run under the process launcher."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.blobs.folder import Blobs
from stepwell.images import catalog
from stepwell.launchers.isolation import NoIsolationError
from stepwell.launchers.launcher import Launcher
from stepwell.launchers.probe import find_isolation
from stepwell.launchers.process import ProcessLauncher
from stepwell.runtime.invocations import InvocationMachine
from stepwell.runtime.job_tools import Tools
from stepwell.runtime.loop import Loop
from stepwell.services.registry import Door, Site
from stepwell.services.sts import sessions
from stepwell.store import tables  # noqa: F401 - every table is declared before the database is made
from stepwell.store.database import Database
from stepwell.testing.folder_objects import FolderObjects
from stepwell.testing.host_environments import HostEnvironments

SCOPE = Scope("123456789012", "eu-west-1", "arn:aws:sts::123456789012:assumed-role/SageMakerRole/tester")
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
ECHO = "def handler(event, context):\n    return event\n"

Aws = Callable[..., Document]
"""Calls an operation of Lambda by its name, with its members as keywords."""


def zipped(files: dict[str, str | bytes]) -> bytes:
    """A zip archive of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def create(aws: Aws, name: str = "f", source: str = ECHO, **members: object) -> Document:
    """Make a function of one module, `index.handler`."""
    request = {
        "FunctionName": name,
        "Runtime": "python3.11",
        "Role": ROLE,
        "Handler": "index.handler",
        "Code": {"ZipFile": zipped({"index.py": source})},
    }
    return aws("CreateFunction", **{**request, **members})


def arn(resource: str) -> str:
    """The ARN of something of Lambda's."""
    return SCOPE.arn("lambda", resource)


def refused(code: str, message: str, act: Callable[[], object]) -> None:
    """`act` must raise the fault of that code, with `message` in its message."""
    with pytest.raises(Fault) as caught:
        act()
    assert caught.value.code == code
    assert message in caught.value.message


def new_site(folder: Path, roused: Callable[[], None] = lambda: None) -> Site:
    """An empty installation, or what stands in `folder`."""
    return Site(
        folder,
        SCOPE.account,
        "http://127.0.0.1:0",
        Database(folder / "stepwell.db"),
        Blobs(folder / "blobs"),
        roused,
    )


def tools(folder: Path, launcher: Launcher) -> Tools:
    """What functions are run with; their Python is that of the tests."""
    objects = FolderObjects(folder / "objects")
    return Tools(launcher, catalog.load(None), HostEnvironments(), lambda _scope: objects, sessions.issue)


class Running:
    """An installation whose functions run: a door, and a loop with the machine of invocations."""

    def __init__(self, site: Site, machine: InvocationMachine) -> None:
        self.site = site
        self.machine = machine
        self._door = Door(site)

    def aws(self, operation: str, **params: object) -> Document:
        return self._door.call(SCOPE, "lambda", operation, params)

    def logs(self, operation: str, **params: object) -> Document:
        return self._door.call(SCOPE, "logs", operation, params)

    def invoke(self, event: object = None, name: str = "f", **members: object) -> Document:
        payload = b"" if event is None else json.dumps(event).encode()
        return self.aws("Invoke", FunctionName=name, Payload=payload, **members)

    def result(self, event: object = None, name: str = "f", **members: object) -> object:
        """What the function returned; it must not fail."""
        answer = self.invoke(event, name, **members)
        assert "FunctionError" not in answer, answer
        return json.loads(answer["Payload"])

    def failure(self, event: object = None, name: str = "f", **members: object) -> Document:
        """The error document of a function that must fail."""
        answer = self.invoke(event, name, **members)
        assert answer["FunctionError"] == "Unhandled"
        found: Document = json.loads(answer["Payload"])
        return found


@contextmanager
def running(folder: Path, most_running: int = 32, launcher: Launcher | None = None) -> Iterator[Running]:
    """An installation in `folder` that runs functions for real."""
    if launcher is None:
        try:
            launcher = ProcessLauncher(find_isolation(None))
        except NoIsolationError as error:
            pytest.skip(str(error))
    roused = threading.Event()
    site = new_site(folder, roused.set)
    machine = InvocationMachine(site, tools(folder, launcher), most_running)
    loop = Loop(site.database, {machine.name: machine}, roused)
    loop.start()
    yield Running(site, machine)
    loop.stop()
    machine.close()
    site.database.close()
