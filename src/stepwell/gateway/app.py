"""Room gateway: the ASGI application. In: HTTP. Out: `Door.call`, and its answer as HTTP.

`_answer` is the way of one request as a list of stages. It runs as a whole on a worker thread: one crossing from
the event loop and back for a request whose body is small and here, more only for bodies that stream. A request
holds a thread of one of three pools, so that neither slow transfers nor long polls keep small calls waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from stepwell.base import clock, ids
from stepwell.base.faults import Fault, not_implemented
from stepwell.gateway import authentication, claims, errors, refusals, routing
from stepwell.gateway.authentication import Claimant
from stepwell.gateway.body import Arriving, BodyStream, DisconnectedError, Held, Source, too_large
from stepwell.gateway.door import ASGIApp, Door, Keys, Message, Receive, Send
from stepwell.gateway.protocols import CODECS, compressed, limits
from stepwell.gateway.request import Request, from_scope, refuse_oversized
from stepwell.gateway.responses import Response, http_date, send_response
from stepwell.gateway.routing import Route
from stepwell.gateway.workers import Workers

CALL_THREADS = 32
TRANSFER_THREADS = 64
WAIT_THREADS = 256
"""Long polls at a time; more wait for their turn. A thread that waits costs some kilobytes."""
SMALL_BODY = 64 * 1024
"""Up to this length a body is taken before its request gets a thread."""
DRAINED = 64 * 1024 * 1024
"""Bytes of a refused body that are taken and dropped, so that the client hears why; then the connection ends."""
DRAIN_SECONDS = 10.0


def application(
    door: Door, keys: Keys, *, default_region: str, extra: Mapping[str, ASGIApp] | None = None
) -> ASGIApp:
    """The server as an ASGI application.

    `extra` mounts further applications by path prefix below `/_stepwell/`; they see the request unchanged and
    unauthenticated. `default_region` is for the few requests that name none.
    """
    return Gateway(door, keys, default_region, dict(extra or {}))


class Gateway:
    """Holds the worker threads; everything else is passed along."""

    def __init__(self, door: Door, keys: Keys, default_region: str, extra: Mapping[str, ASGIApp]) -> None:
        self._door = door
        self._keys = keys
        self._default_region = default_region
        self._extra = sorted(extra.items(), key=lambda pair: len(pair[0]), reverse=True)
        self._calls = Workers(CALL_THREADS, "call")
        self._transfers = Workers(TRANSFER_THREADS, "transfer")
        self._waits = Workers(WAIT_THREADS, "wait")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http" if scope["path"].startswith("/_stepwell/"):
                await self._own_page(scope, receive, send)
            case "http":
                await self._aws_request(scope, receive, send)
            case "lifespan":
                await self._lifespan(receive, send)

    async def _aws_request(self, scope: Message, receive: Receive, send: Send) -> None:
        request = from_scope(scope)
        arriving = Arriving(receive, asyncio.get_running_loop())
        source: Source = arriving
        pool = self._calls
        try:
            if not request.has_body:
                source = Held(b"")
            elif (request.content_length or SMALL_BODY + 1) <= SMALL_BODY and not request.expects_continue:
                source = Held(await arriving.collect(SMALL_BODY))
            else:
                pool = self._transfers
            if routing.may_wait(request):
                pool = self._waits
            response = await pool.run(self._answer, request, source)
        except DisconnectedError:
            return
        if not source.is_exhausted and not request.expects_continue:
            await _drain(arriving)
        if not source.is_exhausted:
            response = response.with_headers(("Connection", "close"))
        await self._send(response, request.method, receive, send)

    async def _send(self, response: Response, method: str, receive: Receive, send: Send) -> None:
        dated = response.with_headers(("Date", http_date(int(clock.now()))))
        is_head = method == "HEAD"
        await send_response(dated, is_head=is_head, receive=receive, send=send, workers=self._transfers)

    def _answer(self, request: Request, source: Source) -> Response:
        """The way of one request. Raises DisconnectedError, and nothing else."""
        request_id = ids.request_id()
        signed_for = claims.service_hint(request)
        protocol, service = routing.protocol_hint(request, signed_for), None
        try:
            refuse_oversized(request)
            asking = authentication.claimant(request, self._keys, protocol, clock.now())
            form = _form(request, signed_for, source)
            route = _route(request, asking, _plain(form, request), protocol)
            protocol, service = route.protocol, route.operation.service
            caller, body = authentication.authenticate(request, asking, route, source, form, self._default_region)
            codec = CODECS[protocol]
            params = codec.parse(route, request, body)
            output = self._door.call(caller, service.name, route.operation.name, params)
            return codec.render(route.operation, output or {}, request_id).opened()
        except DisconnectedError:
            raise
        except Fault as fault:
            return errors.respond(fault, request, request_id, protocol, service)
        except Exception as error:
            return errors.internal(error, request, request_id, protocol, service)

    async def _own_page(self, scope: Message, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if path == "/_stepwell/health":
            response = Response(200, (("Content-Type", "application/json"),), b'{"status":"ok"}')
        else:
            for prefix, application in self._extra:
                if path == prefix or path.startswith(prefix.rstrip("/") + "/"):
                    await application(scope, receive, send)
                    return
            response = Response(404, (("Content-Type", "text/plain"),), b"Not found\n")
        await self._send(response, scope["method"], receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            else:
                self._calls.dismiss()
                self._transfers.dismiss()
                self._waits.dismiss()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _form(request: Request, signed_for: str | None, source: Source) -> bytes:
    """The body of a query request, which is where it names its operation; else nothing."""
    if not routing.needs_form(request, signed_for):
        return b""
    if (request.content_length or 0) > limits.MOST_TEXT:
        raise too_large(limits.MOST_TEXT)
    return BodyStream(source).read_all(limits.MOST_TEXT)


def _plain(form: bytes, request: Request) -> bytes:
    return compressed.plain(form, request.headers.get("content-encoding"), limits.MOST_TEXT) if form else form


def _route(request: Request, asking: Claimant | None, form: bytes, protocol: str) -> Route:
    try:
        route = routing.route(request, asking.claim.service if asking else None, form)
    except Fault:
        # Who has not signed need not learn what there is.
        if asking is None:
            raise refusals.missing_signature(protocol) from None
        raise
    if route.protocol not in CODECS:
        raise not_implemented(route.operation.service.name, route.operation.name)
    return route


async def _drain(arriving: Arriving) -> None:
    """Take and drop what the client is still sending, within reason: it listens only when it has sent it all."""
    count = 0
    with suppress(DisconnectedError, TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while count < DRAINED and not arriving.is_exhausted:
                count += len(await arriving.collect(1))
