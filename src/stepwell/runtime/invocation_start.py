"""Room runtime: a function up to its start. In: a Record. Out: Started, or an Ended that says why it cannot be run.

May be cut off anywhere and is then done again: what was laid out is laid out afresh as long as nothing was launched,
and the launcher knows what it started.
"""

from __future__ import annotations

import json
import platform
import threading
from collections.abc import Mapping
from pathlib import Path

from stepwell.base.documents import Document
from stepwell.container import layout, notices
from stepwell.container.layout import Access
from stepwell.images import commands
from stepwell.images.environments import Environment
from stepwell.launchers.launcher import Absent, Container, Mount
from stepwell.machines.invocation import Ended, Event, Started
from stepwell.machines.invocation_outcomes import not_run
from stepwell.runtime.invocation_records import Place, Record, place_of
from stepwell.runtime.job_tools import IMAGE_PROBLEMS, Tools
from stepwell.services.lambda_ import function_code
from stepwell.services.registry import Site
from stepwell.store import logs
from stepwell.store.credentials import Credential

RECIPE = "python-3.11"
"""The environment that every function gets; it holds boto3."""
TASK_ROOT = "/var/task"
EXCHANGE = "/var/stepwell"
"""Where lambda_runtime.py looks for the event and leaves the result."""
PROGRAM = f"{commands.PROGRAMS_MOUNT}/lambda_runtime.py"
START_SECONDS = 10.0
"""What a function may take before its handler is called (Lambda Developer Guide, Init phase). The runtime stops the
handler itself when its own time is up; the supervisor's deadline is for what does not let itself be stopped."""
KEYS_SECONDS = 6 * 3600.0
MEGABYTE = 1 << 20


class KeyRing:
    """Keys of roles, shared by the invocations of a function while they last: making new ones is a write."""

    def __init__(self, site: Site, tools: Tools) -> None:
        self._site = site
        self._tools = tools
        self._guard = threading.Lock()
        self._known: dict[tuple[str, str], Credential] = {}

    def find(self, role: str, session: str, now: float, until: float) -> Credential:
        """Keys of `role` that are good beyond `until`."""
        with self._guard:
            found = self._known.get((role, session))
            if found is None or found.expires is None or found.expires < until:
                seconds = max(KEYS_SECONDS, until - now)
                with self._site.database.write() as transaction:
                    found = self._tools.issue(transaction, role, session, now, seconds)
                self._known[role, session] = found
            return found


def start(site: Site, tools: Tools, keys: KeyRing, state: Record, now: float) -> Event:
    """Lay out the event and start the function, unless it was started before."""
    place = place_of(site.data, state)
    if not isinstance(tools.launcher.observe(place.root), Absent):
        return Started()
    try:
        _start(site, tools, keys, state, place, now)
    except IMAGE_PROBLEMS as problem:
        return Ended(not_run(str(problem)))
    except OSError as error:
        return Ended(not_run(f"The function could not be started: {error}"))
    return Started()


def _start(site: Site, tools: Tools, keys: KeyRing, state: Record, place: Place, now: float) -> None:
    place.make()
    place.log.write_bytes(b"")
    _attach_log(site, state, place, now)
    environment = tools.environments.prepare(RECIPE, lambda line: notices.write(place.root, line, now))
    _lay_out(state, place)
    function = state.function
    for line in (*_remarks(function, environment), f"START RequestId: {state.request_id} Version: {_version(state)}"):
        notices.write(place.root, line, now)
    deadline = now + START_SECONDS + function["Timeout"]
    credential = keys.find(function["Role"], function["FunctionName"], now, deadline)
    access = Access(
        state.scope.region,
        site.endpoint,
        credential.access_key_id,
        credential.secret,
        credential.session_token or "",
    )
    tools.launcher.launch(
        Container(
            folder=place.root,
            command=(str(environment.python), PROGRAM),
            environment=_variables(state, environment, tools.surroundings.environment, access),
            mounts=(*_mounts(site, function, environment, place), *tools.surroundings.mounts),
            memory_bytes=_memory(function, tools.surroundings.memory_bytes),
            hostname="lambda",
            deadline=deadline,
            grace_seconds=0.0,
        )
    )


def _attach_log(site: Site, state: Record, place: Place, now: float) -> None:
    group, file = state.function["LogGroup"], str(place.log.relative_to(site.data))
    with site.database.write() as transaction:
        logs.attach(transaction, state.scope, group, state.log_stream, file, now)


def _lay_out(state: Record, place: Place) -> None:
    function = state.function
    context = {
        **{
            member: function[member]
            for member in ("FunctionName", "FunctionArn", "MemorySize", "Timeout", "LogGroup")
        },
        "RequestId": state.request_id,
        "Version": _version(state),
        "LogStream": state.log_stream,
        "ClientContext": state.resource.document.get("ClientContext", ""),
    }
    (place.exchange / "context.json").write_text(json.dumps(context))
    (place.exchange / "event.json").write_text(state.resource.document["Payload"], encoding="utf-8")


def _remarks(function: Document, environment: Environment) -> list[str]:
    """What is not as the function asks for."""
    lines = []
    asked, found = function["Runtime"], environment.base_python_name
    if asked != found:
        lines.append(f"The function asks for {asked}; it runs on {found} here.")
    wanted, machine = function["Architectures"][0], platform.machine()
    if wanted != {"aarch64": "arm64"}.get(machine, machine):
        lines.append(f"The function asks for {wanted}; this machine is {machine}.")
    return lines


def _version(state: Record) -> str:
    return str(state.function["Version"])


def _mounts(site: Site, function: Document, environment: Environment, place: Place) -> tuple[Mount, ...]:
    return (
        Mount(function_code.folder(site.data, function["CodeHash"]).absolute(), TASK_ROOT),
        Mount(place.exchange.absolute(), EXCHANGE, writable=True),
        *(Mount(each, str(each)) for each in environment.mounts),
        Mount(commands.PROGRAMS, commands.PROGRAMS_MOUNT),
    )


def _variables(
    state: Record, environment: Environment, surroundings: Mapping[str, str], access: Access
) -> dict[str, str]:
    """The function's environment: its own variables, and those that are Lambda's to set."""
    function = state.function
    own: dict[str, str] = function.get("Environment", {}).get("Variables", {})
    variables = {
        "PATH": ":".join((*environment.path_entries, layout.PATH)),
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "TZ": ":UTC",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        **surroundings,
        **own,
        **layout.access_variables(access),
        "AWS_REGION": access.region,
        "AWS_DEFAULT_REGION": access.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function['Runtime']}",
        "AWS_LAMBDA_FUNCTION_NAME": function["FunctionName"],
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function["MemorySize"]),
        "AWS_LAMBDA_FUNCTION_VERSION": _version(state),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": function["LogGroup"],
        "AWS_LAMBDA_LOG_STREAM_NAME": state.log_stream,
        "LAMBDA_TASK_ROOT": TASK_ROOT,
        "LAMBDA_RUNTIME_DIR": str(Path(PROGRAM).parent),
        "_HANDLER": function["Handler"],
    }
    paths = [values["PYTHONPATH"] for values in (own, surroundings) if "PYTHONPATH" in values]
    return {**variables, "PYTHONPATH": ":".join(paths)} if paths else variables


def _memory(function: Document, limit: int | None) -> int:
    wanted = int(function["MemorySize"]) * MEGABYTE
    return wanted if limit is None else min(wanted, limit)
