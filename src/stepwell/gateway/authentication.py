"""Room gateway: from a claim to a caller. In: request, claimant, route, body. Out: Scope and proven body, or Fault.

S3's head is signed with a declared hash of the body, so it is judged before a byte of the body is read, and the
body is checked while it streams. Everywhere else the body's own hash was signed, and the body is read first.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from stepwell.base.arn import Scope
from stepwell.base.faults import Fault
from stepwell.gateway import claims, refusals, signature
from stepwell.gateway.body import BodyStream, Held, Source
from stepwell.gateway.chunks import ChunkDecoder, ChunkSigning
from stepwell.gateway.claims import Claim
from stepwell.gateway.door import Key, Keys
from stepwell.gateway.protocols import limits
from stepwell.gateway.request import Request
from stepwell.gateway.routing import Route
from stepwell.gateway.signature import Signer

STREAMING = frozenset(
    {
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    }
)
"""Values of x-amz-content-sha256 that announce aws-chunked."""


@dataclass(frozen=True, slots=True)
class Claimant:
    """A claim under a key that exists; nothing is proven yet."""

    claim: Claim
    key: Key
    now: float


def claimant(request: Request, keys: Keys, protocol: str, now: float) -> Claimant | None:
    """Who says to have signed; None when nobody does.

    Raises Fault when the claim cannot be read or the key is unknown: before any service's model is read for it.
    """
    try:
        claim = claims.read(request)
    except Fault as fault:
        raise refusals.unreadable(protocol, fault) from None
    if claim is None:
        return None
    key = keys.find(claim.access_key_id, now)
    if key is None:
        raise refusals.unknown_key(protocol, claim.access_key_id)
    return Claimant(claim, key, now)


def authenticate(
    request: Request, asking: Claimant | None, route: Route, source: Source, form: bytes, default_region: str
) -> tuple[Scope, BodyStream]:
    """The caller, and the body as far as it is proven. Raises Fault."""
    if asking is None:
        # Very few operations prove who asks by something in the request itself.
        if route.operation.traits.get("authtype") != "none":
            raise refusals.missing_signature(route.protocol)
        return Scope("", default_region), BodyStream(Held(form))
    if asking.claim.service == "s3":
        body = _judged_by_head(request, asking, source)
    else:
        body = _judged_by_body(request, asking, route, source, form)
    region = asking.claim.region or default_region
    return Scope(asking.key.account, region, asking.key.principal), body


def _judged_by_head(request: Request, asking: Claimant, source: Source) -> BodyStream:
    declared = signature.payload_hash(request, asking.claim)
    if declared is None:
        text = "Missing required header for this request: x-amz-content-sha256"
        raise Fault("InvalidRequest", text, 400)
    signer = signature.verify(request, asking.claim, asking.key, declared, "rest-xml", asking.now)
    if declared.startswith("STREAMING-"):
        return _chunked_body(request, source, declared, signer)
    sha256 = None if declared == signature.UNSIGNED else declared
    return BodyStream(source, length=request.content_length, sha256=sha256)


def _judged_by_body(request: Request, asking: Claimant, route: Route, source: Source, form: bytes) -> BodyStream:
    declared = signature.payload_hash(request, asking.claim)
    content = form or BodyStream(source).read_all(limits.most_bytes(route.operation))
    # What else the header may declare, the signature must fit the bytes that came.
    hashed = declared if declared == signature.UNSIGNED else hashlib.sha256(content).hexdigest()
    signature.verify(request, asking.claim, asking.key, hashed, route.protocol, asking.now)
    return BodyStream(Held(content), length=len(content))


def _chunked_body(request: Request, source: Source, word: str, signer: Signer) -> BodyStream:
    if word not in STREAMING:
        raise Fault("InvalidRequest", f"{word[:80]} is not supported as x-amz-content-sha256", 400)
    length = request.headers.get("x-amz-decoded-content-length")
    if length is None:
        raise Fault("MissingContentLength", "You must provide the Content-Length HTTP header.", 411)
    if not (length.isascii() and length.isdigit() and len(length) < 20):
        raise Fault("InvalidArgument", "x-amz-decoded-content-length must be a number", 400)
    names = request.headers.get("x-amz-trailer", "").lower().split(",")
    claim = signer.claim
    signing = ChunkSigning(signer.sign, claim.signature, claim.timestamp, claim.scope)
    decoder = ChunkDecoder(
        trailers=frozenset(name.strip() for name in names if name.strip()),
        signing=signing if word.startswith("STREAMING-AWS4") else None,
    )
    return BodyStream(source, length=int(length), chunks=decoder)
