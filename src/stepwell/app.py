"""The composition root: puts one server together from its settings, and serves.

Read it to see what a server is made of: a database and blobs (what is kept), the door with all operations (what can
be asked), the loop with its machines (what moves by itself), and the gateway (how it is reached).
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import uvicorn
import uvloop

from stepwell import presence
from stepwell.base import clock, ids
from stepwell.base.arn import Scope
from stepwell.blobs.folder import Blobs
from stepwell.client import environment
from stepwell.container import instance_types
from stepwell.gateway.app import application
from stepwell.gateway.door import ASGIApp, Key, Message, Receive, Send
from stepwell.gateway.whole_answers import WholeAnswers
from stepwell.images import catalog
from stepwell.images.catalog_files import CatalogError
from stepwell.images.environments import Environments
from stepwell.launchers import docker, docker_engine
from stepwell.launchers.docker import DockerLauncher, NoEngineError
from stepwell.launchers.isolation import Isolation, NoIsolationError
from stepwell.launchers.launcher import Launcher, Mount
from stepwell.machines.job_queue import Room
from stepwell.presence import Presence
from stepwell.runtime import tuning_metrics
from stepwell.runtime.announced_events import AnnouncedEventMachine
from stepwell.runtime.deliveries import DeliveryMachine
from stepwell.runtime.invocations import InvocationMachine
from stepwell.runtime.job_containers import Retention, Surroundings, machine_room
from stepwell.runtime.job_meter import JobMeter
from stepwell.runtime.job_objects import SiteObjects
from stepwell.runtime.job_sync import JobSync
from stepwell.runtime.job_tools import Tools
from stepwell.runtime.jobs import JobMachine
from stepwell.runtime.loop import Loop
from stepwell.runtime.pipeline_executions import PipelineExecutionMachine
from stepwell.runtime.recorder import Recorder
from stepwell.runtime.schedules import ScheduleMachine
from stepwell.runtime.tuning import TuningMachine
from stepwell.services import registry
from stepwell.services.iam import ready_role
from stepwell.services.registry import Door, Site
from stepwell.services.sagemaker import progress
from stepwell.services.sts import sessions
from stepwell.settings import Settings
from stepwell.store import credentials, reserve, tables, work
from stepwell.store.credentials import Credential
from stepwell.store.database import Database

__all__ = ["CannotServe", "Server", "build", "serve", "tables"]

log = logging.getLogger(__name__)

BACKLOG = 2048
CLIENT_FOLDER = "client"
ENDING = ("job", "pipeline-execution", "hyper-parameter-tuning-job", "lambda-invocation", "event", "delivery")
"""Machines whose subjects come to an end by themselves; schedules do not."""
CLIENT_MOUNT = "/opt/stepwell-client"
"""Where containers see it."""


def any_launcher(isolation: Isolation) -> Launcher:
    """What runs processes, and images by this machine's engine."""
    return DockerLauncher(isolation, docker_engine.find(os.environ))


class CannotServe(Exception):
    """The server cannot start. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Server:
    """Everything one process serves with."""

    site: Site
    door: Door
    loop: Loop
    jobs: JobMachine
    meter: JobMeter
    sync: JobSync
    recorder: Recorder
    root: Credential


def build(
    settings: Settings,
    endpoint: str,
    isolation: Callable[[], Isolation],
    launcher: Callable[[Isolation], Launcher] = any_launcher,
) -> Server:
    """Put the parts together on `settings.data`, which this process must have claimed. Raises CannotServe.

    `isolation` is what jobs are kept apart with; it may raise NoIsolationError. `launcher` makes of it what
    runs them.
    """
    data = settings.data
    reserve.hold(data / reserve.NAME)
    database = Database(data / "stepwell.db", durable=settings.durable, reserve=data / reserve.NAME)
    roused = threading.Event()
    site = Site(data, settings.account, endpoint, database, Blobs(data / "blobs"), roused.set, settings.cache)
    root = _root_key(site)
    ready_role.ensure_ready_role(site)
    environment.install(data / CLIENT_FOLDER)
    door = Door(site)
    tools = _tools(door, settings, lambda: launcher(isolation()))
    jobs = JobMachine(site, tools)
    machines = (
        PipelineExecutionMachine(door),
        jobs,
        InvocationMachine(site, tools),
        AnnouncedEventMachine(site),
        DeliveryMachine(door),
        ScheduleMachine(site),
        TuningMachine(door, tuning_metrics.emitted(site)),
    )
    loop = Loop(database, {machine.name: machine for machine in machines}, roused)
    meter = JobMeter(site, tools.scanner, tools.surroundings.memory_bytes)
    return Server(site, door, loop, jobs, meter, JobSync(site, tools), Recorder(site), root)


def serve(
    settings: Settings,
    isolation: Callable[[], Isolation],
    ready: Callable[[str, Settings], None],
    launcher: Callable[[Isolation], Launcher] = any_launcher,
) -> int:
    """Serve until SIGINT or SIGTERM; `ready` is told the endpoint once requests are accepted.

    What the first requests will need is loaded behind that. Raises AlreadyServed and CannotServe. The exit code is 0:
    being stopped is how a server ends.
    """
    presence.claim(settings.data)
    listening = _listen(settings)
    endpoint = _endpoint(settings.host, listening.getsockname()[1])
    server = build(settings, endpoint, isolation, launcher)
    config = uvicorn.Config(
        application(
            server.door,
            _Keys(server.site.database),
            default_region=settings.region,
            extra={
                "/_stepwell/work": _work_page(server.site.database, server.jobs),
                "/_stepwell/queue": _queue_page(server.site.database, Scope(settings.account, settings.region)),
            },
        ),
        http=WholeAnswers,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        proxy_headers=False,
        timeout_keep_alive=75,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=2,
        backlog=BACKLOG,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        # uvicorn raises the signal again once it has stopped; by then it has done its work
        signal.signal(number, lambda _number, _frame: None)
    server.loop.start()
    server.meter.start()
    server.sync.start()
    server.recorder.start()
    presence.announce(
        settings.data,
        Presence(endpoint, settings.region, server.root.access_key_id, server.root.secret, os.getpid()),
    )

    def is_up() -> None:
        ready(endpoint, settings)
        threading.Thread(target=registry.handlers_of, args=("sagemaker",), daemon=True).start()

    uvloop.run(_Announcing(config, is_up).serve([listening]))
    sys.stdout.flush()
    # Everything that matters is in the database and the supervisors: stopping is a crash that was announced. A thread
    # that builds an environment would otherwise hold the process for minutes.
    os._exit(0)


def _tools(door: Door, settings: Settings, launcher: Callable[[], Launcher]) -> Tools:
    """What jobs are run with. Raises CannotServe when nothing here can keep a job apart."""
    try:
        if settings.launcher == "docker":
            docker.check(docker_engine.find(os.environ))
        runs = launcher()
        images = catalog.load(
            settings.images,
            strict=settings.strict,
            accelerated=settings.accelerators == "gpu" if settings.accelerators else None,
            launcher=settings.launcher,
        )
        instances = instance_types.load(settings.instances)
    except (NoIsolationError, NoEngineError, CatalogError, instance_types.BadTable) as error:
        raise CannotServe(str(error)) from error
    return Tools(
        runs,
        images,
        Environments(settings.environments or settings.data / "environments", images.recipes),
        lambda scope: SiteObjects(door, scope),
        sessions.issue,
        Surroundings(
            environment.sdk_variables(Path(CLIENT_MOUNT), {}),
            (Mount(settings.data / CLIENT_FOLDER, CLIENT_MOUNT),),
            settings.memory or None,
            instances,
            _room(settings),
            Retention(settings.keep_failed, settings.keep_failed_bytes),
        ),
    )


def _room(settings: Settings) -> Room | None:
    """What jobs may claim together; None: they do not wait for each other."""
    machine = machine_room()
    return replace(machine, cpus=settings.cpus or machine.cpus) if settings.queue else None


class _Announcing(uvicorn.Server):
    """Says when requests are accepted."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


def _work_page(database: Database, jobs: JobMachine) -> ASGIApp:
    """How many things are on their way: for `stepwell run`, which waits for them, but not for warm pools."""

    async def page(_scope: Message, _receive: Receive, send: Send) -> None:
        with database.read() as connection:
            under_way = max(0, work.count(connection, ENDING) - jobs.warm_pools)
        body = b'{"work": %d}' % under_way
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return page


def _queue_page(database: Database, scope: Scope) -> ASGIApp:
    """What runs and who waits, as `stepwell watch --json` says it, for programs on this machine: nothing signs the
    request, so nobody else is answered."""

    def read() -> bytes:
        with database.read() as connection:
            return json.dumps(asdict(progress.machine(connection, scope))).encode()

    async def page(asked: Message, _receive: Receive, send: Send) -> None:
        host, _port = asked.get("client") or ("0.0.0.0", 0)
        status, body = 403, b'{"message":"only programs on this machine may ask"}'
        if ipaddress.ip_address(host).is_loopback:
            status, body = 200, await asyncio.to_thread(read)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return page


class _Keys:
    """Access keys for the gateway, remembered for a moment: every request asks."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, Key] = {}

    def find(self, access_key_id: str, now: float) -> Key | None:
        """The key of that id, expired or not: the gateway tells an expired one from an unknown one."""
        del now
        known = self._known.get(access_key_id)
        if known is None:
            with self._database.read() as connection:
                stored = credentials.find(connection, access_key_id)
            if stored is None:
                return None
            known = Key(stored.secret, stored.session_token, stored.account, stored.principal, stored.expires)
            self._known[access_key_id] = known
        return known


def _root_key(site: Site) -> Credential:
    """The installation's own key, made at the first start: an assumed role, since SDKs expect one (spec 06, 7)."""
    principal = Scope(site.account, "").arn("sts", f"assumed-role/{ready_role.NAME}/stepwell")
    with site.database.write() as transaction:
        standing = credentials.root(transaction.connection)
        if standing is not None:
            return standing
        access_key_id = "AKIA" + ids.token(16, ids.LOWER).upper()
        made = Credential(access_key_id, ids.token(40, ids.ALPHANUMERIC), None, site.account, principal, None)
        credentials.add(transaction, made)
        credentials.forget_expired(transaction, clock.now())
    return made


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # a stream is many writes; without this each waits for the client's delayed acknowledgement of the last, 40 ms
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listening.bind((settings.host, settings.port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CannotServe(
            f"cannot listen on {settings.host} port {settings.port}: {reason}. "
            "Choose another with --port (0 picks a free one)."
        ) from error
    return listening


def _endpoint(host: str, port: int) -> str:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{reachable}:{port}"
