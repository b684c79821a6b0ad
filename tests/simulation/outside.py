"""The world outside of the engine: jobs and functions that end when they are told, as their Fortune says.

In: what the engine asks for. Out: `made`, everything it has ever asked for. Crashes of the engine change nothing
here. Invocations are run by their real machine over a launcher of which nobody hears: threads play no part.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from fortunes import GOOD, Fortune

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.images import catalog
from stepwell.launchers.launcher import Container, Exited, Lost
from stepwell.runtime.job_tools import Tools
from stepwell.services.lambda_ import invocations
from stepwell.services.registry import Call, Handler, Site
from stepwell.services.sts import sessions
from stepwell.store import resources
from stepwell.store.resources import Resource
from stepwell.testing.folder_objects import FolderObjects
from stepwell.testing.host_environments import HostEnvironments
from stepwell.testing.scripted_jobs import KIND, RUNNING, ScriptedJobs
from stepwell.testing.scripted_launcher import EXITED, ScriptedLauncher

CREATE = ("sagemaker", "CreateProcessingJob")
CATALOG = catalog.load(None)


@dataclass(frozen=True, slots=True)
class Made:
    """Something that the engine asked for: `name` is the job's or the invocation's, or the token of a message."""

    kind: Literal["job", "call", "message"]
    execution: str
    step: str
    name: str
    arguments: Mapping[str, Any]


class _Launcher(ScriptedLauncher):
    def watch(self, folder: Path) -> int | None:
        """Nobody hears of an end; whoever looks sees it."""
        del folder
        return None


class Outside:
    """Jobs and functions. What was made first stands first in everything that is answered."""

    def __init__(self, fortune: Fortune) -> None:
        self.fortune = fortune
        self.made: list[Made] = []
        self._jobs = ScriptedJobs(self._job_end)
        self._create = self._jobs.handlers()[CREATE]
        self._launcher = _Launcher(self._begin_function)
        self._seen: set[str] = set()
        self._moment = -1
        self._running: set[str] = set()
        self._folders: dict[str, Path] = {}
        self._names: dict[tuple[str, str], list[str]] = {}
        self._site: Site | None = None

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """For `Door(site, instead=…)`."""
        return {**self._jobs.handlers(), CREATE: self._create_job}

    def tools(self, site: Site) -> Tools:
        """For the machine of invocations."""
        self._site = site
        objects = FolderObjects(site.data / "objects")
        return Tools(self._launcher, CATALOG, HostEnvironments(), lambda _scope: objects, sessions.issue)

    def close(self) -> None:
        self._launcher.close()

    def attempt(self, execution: str, step: str, name: str) -> int:
        """Which attempt goes by that name: they are counted as they come."""
        names = self._names.setdefault((execution, step), [])
        if name not in names:
            names.append(name)
        return names.index(name) + 1

    def running(self, site: Site, scope: Scope, moment: int) -> list[Made]:
        """Jobs and functions that have not ended. At the same `moment` jobs are the same."""
        if moment != self._moment:
            jobs = self._see_jobs(site, scope)
            self._moment, self._running = moment, {job.name for job in jobs if job.status in RUNNING}
        folders = set(self._launcher.running())
        return [made for made in self.made if made.name in self._running or self._folders.get(made.name) in folders]

    def _see_jobs(self, site: Site, scope: Scope) -> list[Resource]:
        """All jobs there are: those whose creation was not undone."""
        with site.database.read() as connection:
            rows, _ = resources.page(connection, resources.Query(KIND, scope, limit=1000, descending=False))
        for row in rows:
            if row.name not in self._seen:
                self._seen.add(row.name)
                given = row.document.get("Environment", {})
                self.made.append(Made("job", execution_of(row.name), step_of(row.name), row.name, given))
        return rows

    def end(self, site: Site, scope: Scope, made: Made, now: float) -> None:
        """Let it end."""
        if made.kind == "job":
            (job,) = (job for job in self._see_jobs(site, scope) if job.name == made.name)
            self._jobs.end(site, job, now)
        else:
            self._end_function(made)

    def _create_job(self, call: Call, request: Document) -> Document:
        name = request["ProcessingJobName"]
        execution, step = execution_of(name), step_of(name)
        if self.fortune.job(step, self.attempt(execution, step, name)) == "Throttled":
            raise Fault("ThrottlingException", "Rate exceeded")
        return self._create(call, request)

    def _job_end(self, name: str) -> str:
        execution, step = execution_of(name), step_of(name)
        end = self.fortune.job(step, self.attempt(execution, step, name))
        return {GOOD: "Completed", "CapacityError": "CapacityError: none left"}.get(end, end)

    def _begin_function(self, container: Container) -> None:
        exchange = container.folder / "exchange"
        (exchange / "begun").touch()
        name = self._name_of(json.loads((exchange / "context.json").read_text())["RequestId"])
        self._folders[name] = container.folder
        event = json.loads((exchange / "event.json").read_text())
        self.made.append(Made("call", execution_of(name), step_of(name), name, event))

    def _name_of(self, request_id: str) -> str:
        assert self._site is not None
        scope = Scope(self._site.account, "us-east-1")
        with self._site.database.read() as connection:
            rows, _ = resources.page(connection, resources.Query(invocations.KIND, scope, limit=1000))
        (name,) = (row.name for row in rows if row.document["RequestId"] == request_id)
        return name

    def _end_function(self, made: Made) -> None:
        attempt = self.attempt(made.execution, made.step, made.name)
        folder = self._folders[made.name]
        seen, file, content = self._function_end(made.step, self.fortune.function(made.step, attempt))
        if file:
            (folder / "exchange" / file).write_text(json.dumps(content))
        self._launcher.finish(folder, seen)

    def _function_end(self, step: str, end: str) -> tuple[Exited | Lost, str, object]:
        match end:
            case "Failed":
                return EXITED, "failure", {"errorType": "ValueError", "errorMessage": "no"}
            case "Lost":
                return Lost("the machine was restarted"), "", None
            case "Late":
                return replace(EXITED, code=None, signal=15, timed_out=True), "", None
            case "Silent":
                return EXITED, "result", None
            case _:
                return EXITED, "result", self.fortune.outputs(step)


def step_of(name: str) -> str:
    """The step of a name such as pipelines-<execution>-<step>-<suffix>."""
    return name.split("-", 2)[2].rpartition("-")[0]


def execution_of(name: str) -> str:
    return name.split("-")[1]
