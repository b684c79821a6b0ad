"""Room gateway: the ASGI application. In: HTTP. Out: `Door.call`, and its answer as HTTP.

`_answer` is the way of one request as a list of stages. It runs as a whole on a worker thread: one crossing from
the event loop and back for a request whose body is small and here, more only for bodies that stream. A request
holds a thread of one of two pools, so that slow transfers cannot keep small calls waiting.
"""

from __future__ import annotations

import asyncio
import email.utils
import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from stepwell.base import clock, ids
from stepwell.base.arn import Scope
from stepwell.base.faults import Fault
from stepwell.gateway import claims, errors, refusals, routing, signature
from stepwell.gateway.body import Arriving, BodyStream, DisconnectedError, Held, Source, too_large
from stepwell.gateway.chunks import ChunkDecoder, ChunkSigning
from stepwell.gateway.claims import Claim
from stepwell.gateway.door import ASGIApp, Door, Keys, Message, Receive, Send
from stepwell.gateway.protocols import CODECS, limits
from stepwell.gateway.request import Request, from_scope, refuse_oversized
from stepwell.gateway.responses import Response, send_response
from stepwell.gateway.routing import Route
from stepwell.gateway.signature import Signer

CALL_THREADS = 32
TRANSFER_THREADS = 64
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
        self._calls = ThreadPoolExecutor(CALL_THREADS, thread_name_prefix="call")
        self._transfers = ThreadPoolExecutor(TRANSFER_THREADS, thread_name_prefix="transfer")

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
        loop = asyncio.get_running_loop()
        arriving = Arriving(receive, loop)
        source: Source = arriving
        pool = self._calls
        try:
            if not request.has_body:
                source = Held(b"")
            elif (request.content_length or SMALL_BODY + 1) <= SMALL_BODY and not request.expects_continue:
                source = Held(await arriving.collect(SMALL_BODY))
            else:
                pool = self._transfers
            response = await loop.run_in_executor(pool, self._answer, request, source)
        except DisconnectedError:
            return
        if not source.is_exhausted and not request.expects_continue:
            await _drain(arriving)
        if not source.is_exhausted:
            response = response.with_headers(("Connection", "close"))
        await self._send(response, request.method, receive, send)

    async def _send(self, response: Response, method: str, receive: Receive, send: Send) -> None:
        dated = response.with_headers(("Date", email.utils.formatdate(clock.now(), usegmt=True)))
        is_head = method == "HEAD"
        await send_response(dated, is_head=is_head, receive=receive, send=send, executor=self._transfers)

    def _answer(self, request: Request, source: Source) -> Response:
        """The way of one request. Raises DisconnectedError, and nothing else."""
        request_id = ids.request_id()
        hint = claims.service_hint(request)
        protocol, service = routing.protocol_hint(request, hint), None
        try:
            refuse_oversized(request)
            claim = _claim(request, protocol)
            form = _form(request, source)
            route = routing.route(request, claim.service if claim else None, form)
            protocol, service = route.protocol, route.operation.service
            caller, body = self._authenticate(request, claim, route, source, form)
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

    def _authenticate(
        self, request: Request, claim: Claim | None, route: Route, source: Source, form: bytes
    ) -> tuple[Scope, BodyStream]:
        """Who asks, and the body as far as it is proven. Raises Fault."""
        protocol = route.protocol
        if claim is None:
            if route.operation.traits.get("authtype") != "none":
                raise refusals.missing_signature(protocol)
            return Scope("", self._default_region), BodyStream(Held(form))
        now = clock.now()
        key = self._keys.find(claim.access_key_id, now)
        declared = signature.payload_hash(request, claim)
        if claim.service == "s3":
            signer = signature.verify(request, claim, key, _needed(declared), protocol, now)
            body = _declared_body(request, source, declared, signer)
        else:
            content = form or BodyStream(source).read_all(limits.most_bytes(route.operation))
            hashed = _proven_hash(content, declared, protocol)
            signer = signature.verify(request, claim, key, hashed, protocol, now)
            body = BodyStream(Held(content), length=len(content))
        region = claim.region or self._default_region
        return Scope(signer.key.account, region, signer.key.principal), body

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
                self._calls.shutdown(wait=False, cancel_futures=True)
                self._transfers.shutdown(wait=False, cancel_futures=True)
                await send({"type": "lifespan.shutdown.complete"})
                return


def _claim(request: Request, protocol: str) -> Claim | None:
    try:
        return claims.read(request)
    except Fault as fault:
        raise refusals.unreadable(protocol, fault) from None


def _form(request: Request, source: Source) -> bytes:
    """The body of a query request, which is where it names its operation; else nothing."""
    if not routing.needs_form(request):
        return b""
    if (request.content_length or 0) > limits.MOST_TEXT:
        raise too_large(limits.MOST_TEXT)
    return BodyStream(source).read_all(limits.MOST_TEXT)


def _needed(declared: str | None) -> str:
    if declared is None:
        text = "Missing required header for this request: x-amz-content-sha256"
        raise Fault("InvalidRequest", text, 400)
    return declared


def _proven_hash(content: bytes, declared: str | None, protocol: str) -> str:
    """The hash that must have been signed for `content`. Raises Fault when another was declared."""
    if declared == signature.UNSIGNED:
        return declared
    computed = hashlib.sha256(content).hexdigest()
    if declared is not None and declared != computed:
        raise refusals.wrong_payload(protocol, declared, computed)
    return computed


def _declared_body(request: Request, source: Source, declared: str | None, signer: Signer) -> BodyStream:
    """S3's body, set to check what its headers declare. Raises Fault."""
    word = declared or signature.UNSIGNED
    if not word.startswith("STREAMING-"):
        sha256 = None if word == signature.UNSIGNED else word
        return BodyStream(source, length=request.content_length, sha256=sha256)
    if word not in STREAMING:
        raise Fault("InvalidRequest", f"{word[:80]} is not supported as x-amz-content-sha256", 400)
    length = request.headers.get("x-amz-decoded-content-length")
    if length is None:
        raise Fault("MissingContentLength", "You must provide the Content-Length HTTP header.", 411)
    if not (length.isascii() and length.isdigit()):
        raise Fault("InvalidArgument", "x-amz-decoded-content-length must be a number", 400)
    names = request.headers.get("x-amz-trailer", "").lower().split(",")
    claim = signer.claim
    signing = ChunkSigning(signer.sign, claim.signature, claim.timestamp, claim.scope)
    decoder = ChunkDecoder(
        trailers=frozenset(name.strip() for name in names if name.strip()),
        signing=signing if word.startswith("STREAMING-AWS4") else None,
    )
    return BodyStream(source, length=int(length), chunks=decoder)


STREAMING = frozenset(
    {
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    }
)
"""Values of x-amz-content-sha256 that announce aws-chunked."""


async def _drain(arriving: Arriving) -> None:
    """Take and drop what the client is still sending, within reason: it listens only when it has sent it all."""
    count = 0
    with suppress(DisconnectedError, TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while count < DRAINED and not arriving.is_exhausted:
                count += len(await arriving.collect(1))
