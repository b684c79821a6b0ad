"""Room gateway: whether a claim is true. In: a Request, its Claim, the Keys. Out: the caller's Signer, or a Fault.

Signature Version 4 over headers and presigned URLs, and Version 2 for S3's presigned URLs. Comparison takes the
same time wherever the first difference is. Derived signing keys are kept: they hold for a day.
Source: AWS General Reference, "Create a signed AWS API request".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote, unquote

from stepwell.gateway import refusals
from stepwell.gateway.claims import ALGORITHM, Claim
from stepwell.gateway.door import Key
from stepwell.gateway.request import Request

CLOCK_SKEW = 15 * 60.0
"""Seconds a signer's clock may differ from ours."""

UNSIGNED = "UNSIGNED-PAYLOAD"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()

OLD_SUBRESOURCES = frozenset(
    {
        *("accelerate", "acl", "cors", "defaultObjectAcl", "delete", "lifecycle", "location", "logging"),
        *("notification", "partNumber", "policy", "requestPayment", "restore", "select", "select-type"),
        *("tagging", "torrent", "uploadId", "uploads", "versionId", "versioning", "versions", "website"),
        *("response-cache-control", "response-content-disposition", "response-content-encoding"),
        *("response-content-language", "response-content-type", "response-expires"),
    }
)
"""Query fields that Version 2 signs (S3 User Guide, "Signing and authenticating REST requests")."""


@dataclass(frozen=True, slots=True)
class Signer:
    """A proven claim; enough to check signatures of chunks that follow."""

    key: Key
    claim: Claim
    signing_key: bytes = field(repr=False)

    def sign(self, text: str) -> str:
        """The hexadecimal signature of `text` under the claim's scope."""
        return hmac.new(self.signing_key, text.encode("latin-1"), hashlib.sha256).hexdigest()


def payload_hash(request: Request, claim: Claim) -> str | None:
    """What the request declares its body's hash to be: hexadecimal, or a word such as UNSIGNED-PAYLOAD.

    None: it declares nothing, and the hash of the body itself was signed.
    """
    declared = request.headers.get("x-amz-content-sha256") or request.field("X-Amz-Content-Sha256")
    if declared:
        return declared
    return UNSIGNED if claim.presigned and claim.service == "s3" else None


def verify(request: Request, claim: Claim, key: Key, hashed: str, protocol: str, now: float) -> Signer:
    """The proven signer. `hashed` is the payload's hash as it was signed. Raises Fault."""
    _check_time(claim, protocol, now)
    _check_token(claim, key, protocol, now)
    if claim.version == 2:
        return _verify_old(request, claim, key, protocol)
    _check_signed_headers(request, claim, protocol)
    signer = Signer(key, claim, derived_key(key.secret, claim.date, claim.region, claim.service))
    canonical = text_to_sign = ""
    for path in _canonical_paths(request.path, claim.service):
        canonical = canonical_request(request, claim, path, hashed)
        text_to_sign = _string_to_sign(claim, canonical)
        if same(signer.sign(text_to_sign), claim.signature):
            return signer
    raise refusals.wrong_signature(protocol, canonical, text_to_sign)


def same(expected: str, given: str) -> bool:
    """Equality that takes as long wherever the texts differ."""
    return hmac.compare_digest(expected.encode("utf-8", "replace"), given.encode("utf-8", "replace"))


@lru_cache(maxsize=1024)
def derived_key(secret: str, date: str, region: str, service: str) -> bytes:
    """The signing key of one secret for one day, region and service."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def canonical_request(request: Request, claim: Claim, path: str, hashed: str) -> str:
    """The request in the one form that is signed."""
    headers = "".join(f"{name}:{_trimmed(request.headers.get(name, ''))}\n" for name in claim.signed_headers)
    names = ";".join(claim.signed_headers)
    return f"{request.method}\n{path}\n{_canonical_query(request)}\n{headers}\n{names}\n{hashed}"


def _string_to_sign(claim: Claim, canonical: str) -> str:
    digest = hashlib.sha256(canonical.encode("latin-1")).hexdigest()
    return f"{ALGORITHM}\n{claim.timestamp}\n{claim.scope}\n{digest}"


def _canonical_paths(path: str, service: str) -> Iterator[str]:
    """The forms of the path a client may have signed, the likeliest first."""
    once = _encoded(path, "/~")
    if service == "s3":
        yield from dict.fromkeys((once, path))
        return
    # Every other service signs the path as it stands in the URL, encoded a second time.
    yield from dict.fromkeys(quote(_without_dots(form), safe="/~") for form in (path, once))


def _without_dots(path: str) -> str:
    """`path` with empty, `.` and `..` segments resolved."""
    if "//" not in path and "/." not in path:
        return path or "/"
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            kept = kept[:-1]
        elif segment not in ("", "."):
            kept.append(segment)
    trailing = "/" if path.endswith("/") and kept else ""
    return "/" + "/".join(kept) + trailing


def _canonical_query(request: Request) -> str:
    if not request.query:
        return ""
    pairs = sorted(
        (quote(name, safe="~"), quote(value, safe="~")) for name, value in request.fields if name != "X-Amz-Signature"
    )
    return "&".join(f"{name}={value}" for name, value in pairs)


def _encoded(text: str, safe: str) -> str:
    # Latin-1 here stands for the bytes that were sent.
    return quote(unquote(text, encoding="latin-1").encode("latin-1"), safe=safe) if text else "/"


def _trimmed(value: str) -> str:
    return re.sub(" +", " ", value.strip()) if "  " in value else value.strip()


def _check_time(claim: Claim, protocol: str, now: float) -> None:
    if claim.expires is not None and now > claim.expires:
        raise refusals.expired_url(protocol, claim.expires, now)
    if claim.version == 2:
        return
    early = claim.moment - now > CLOCK_SKEW
    late = not claim.presigned and now - claim.moment > CLOCK_SKEW
    if early or late:
        raise refusals.skewed(protocol, claim.timestamp, claim.moment, now, CLOCK_SKEW)


def _check_token(claim: Claim, key: Key, protocol: str, now: float) -> None:
    expected, given = key.session_token or "", claim.token or ""
    if not same(expected, given):
        raise refusals.wrong_token(protocol)
    if key.expires is not None and key.expires <= now:
        raise refusals.expired_token(protocol)


def _check_signed_headers(request: Request, claim: Claim, protocol: str) -> None:
    if "host" not in claim.signed_headers:
        raise refusals.unsigned_headers(protocol, ["host"])
    if claim.service != "s3":
        return
    loose = [name for name in request.headers if name.startswith("x-amz-") and name not in claim.signed_headers]
    if loose:
        raise refusals.unsigned_headers(protocol, loose)


def _verify_old(request: Request, claim: Claim, key: Key, protocol: str) -> Signer:
    for path in dict.fromkeys((request.path, _encoded(request.path, "/~"))):
        text = _old_string_to_sign(request, claim, path)
        digest = hmac.digest(key.secret.encode(), text.encode(), "sha1")
        if same(base64.b64encode(digest).decode(), claim.signature):
            return Signer(key, claim, b"")
    raise refusals.wrong_signature(protocol)


def _old_string_to_sign(request: Request, claim: Claim, path: str) -> str:
    headers = request.headers
    amz = {name: value for name, value in headers.items() if name.startswith("x-amz-")}
    # In a URL the token travels as a field, and is signed as the header it stands for.
    if claim.token is not None and "x-amz-security-token" not in amz:
        amz["x-amz-security-token"] = claim.token
    listed = "".join(f"{name}:{_trimmed(amz[name])}\n" for name in sorted(amz))
    signed = sorted((name, value) for name, value in request.fields if name in OLD_SUBRESOURCES)
    query = "&".join(f"{name}={value}" if value else name for name, value in signed)
    resource = path + (f"?{query}" if query else "")
    return (
        f"{request.method}\n{headers.get('content-md5', '')}\n{headers.get('content-type', '')}\n"
        f"{claim.timestamp}\n{listed}{resource}"
    )
