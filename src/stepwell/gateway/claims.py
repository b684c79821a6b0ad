"""Room gateway: what a request says about its signer. In: a Request. Out: a Claim, still unproven, or None.

Three forms exist: the Authorization header (Signature Version 4), a presigned URL of Version 4, and a presigned
URL of Version 2, which boto3 still makes for S3 by default. Version 2 in headers and Version 4A are refused.
Source: AWS General Reference, "Signing AWS API requests"; S3 User Guide, "Authenticating Requests".
"""

from __future__ import annotations

import calendar
import email.utils
import re
import time
from dataclasses import dataclass
from functools import lru_cache

from stepwell.base.faults import Fault
from stepwell.gateway.request import Request

ALGORITHM = "AWS4-HMAC-SHA256"
LONGEST_PRESIGNED = 7 * 24 * 3600
"""Seconds a presigned URL may last."""

_PART = re.compile(r"\s*(Credential|SignedHeaders|Signature)=([^,\s]*)\s*")
_SCOPE = re.compile(
    r"(?P<key>[^/\s]{1,128})/(?P<date>\d{8})/(?P<region>[a-z0-9-]{1,64})/(?P<service>[a-z0-9-]{1,64})/aws4_request"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """Who claims to have signed, for what, and the signature that must come out."""

    version: int
    """4, or 2 for an S3 URL presigned the old way."""
    access_key_id: str
    signature: str
    token: str | None
    """X-Amz-Security-Token, from the header or the URL."""
    presigned: bool
    moment: float
    """When it was signed, epoch seconds; of Version 2: when it expires."""
    expires: float | None
    """When a presigned URL ends, epoch seconds."""
    timestamp: str = ""
    """The moment as signed: 20210315T160313Z."""
    date: str = ""
    region: str = ""
    service: str = "s3"
    signed_headers: tuple[str, ...] = ()

    @property
    def scope(self) -> str:
        """The credential scope."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def read(request: Request) -> Claim | None:
    """The request's claim; None when it carries none. Raises Fault when it cannot be read."""
    authorization = request.headers.get("authorization")
    if authorization is not None:
        return _from_header(request, authorization)
    if request.field("X-Amz-Algorithm") is not None or request.field("X-Amz-Signature") is not None:
        return _from_url(request)
    if request.field("AWSAccessKeyId") is not None and request.field("Signature") is not None:
        return _from_old_url(request)
    return None


def service_hint(request: Request) -> str | None:
    """The service a signature names, as far as it can be seen without judging it: for the form of refusals."""
    text = request.headers.get("authorization") or request.field("X-Amz-Credential") or ""
    found = re.search(r"/([a-z0-9-]{1,64})/aws4_request", text)
    if found:
        return found[1]
    old = text.startswith("AWS ") or request.field("AWSAccessKeyId") is not None
    return "s3" if old else None


def _from_header(request: Request, authorization: str) -> Claim:
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != ALGORITHM:
        raise _unsupported(algorithm)
    parts: dict[str, str] = {found[1]: found[2] for found in map(_PART.fullmatch, rest.split(",")) if found}
    missing = [name for name in ("Credential", "SignedHeaders", "Signature") if not parts.get(name)]
    if missing:
        wanted = " ".join(f"Authorization header requires '{name}' parameter." for name in missing)
        raise Fault("IncompleteSignature", f"{wanted} Authorization={algorithm}", 400)
    scope = _scope(parts["Credential"])
    timestamp, moment = _header_moment(request)
    if not timestamp.startswith(scope["date"]):
        raise _incomplete(
            f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date: "
            f"'{scope['date']}' != '{timestamp[:8]}'"
        )
    return Claim(
        version=4,
        access_key_id=scope["key"],
        signature=parts["Signature"],
        token=request.headers.get("x-amz-security-token"),
        presigned=False,
        moment=moment,
        expires=None,
        timestamp=timestamp,
        date=scope["date"],
        region=scope["region"],
        service=scope["service"],
        signed_headers=_signed_headers(parts["SignedHeaders"]),
    )


def _from_url(request: Request) -> Claim:
    values: dict[str, str] = {}
    for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"):
        value = request.field(f"X-Amz-{name}")
        # Only S3 demands an end; elsewhere a URL without one lasts as long as a signed header would.
        if value is None and not (name == "Expires" and service_hint(request) != "s3"):
            raise _query_error(f"Query-string authentication version 4 requires the X-Amz-{name} parameter.")
        values[name] = value or "900"
    if values["Algorithm"] != ALGORITHM:
        raise _query_error(f'X-Amz-Algorithm only supports "{ALGORITHM}"')
    scope = _scope(values["Credential"])
    moment = _basic_moment(values["Date"])
    if moment is None or not values["Date"].startswith(scope["date"]):
        raise _query_error("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
    seconds = values["Expires"]
    if not (seconds.isascii() and seconds.isdigit()) or len(seconds) > 9:
        raise _query_error("X-Amz-Expires should be a number")
    if int(seconds) > LONGEST_PRESIGNED:
        raise _query_error(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given "
            f"X-Amz-Expires must be less than {LONGEST_PRESIGNED} seconds"
        )
    return Claim(
        version=4,
        access_key_id=scope["key"],
        signature=values["Signature"],
        token=request.field("X-Amz-Security-Token"),
        presigned=True,
        moment=moment,
        expires=moment + int(seconds),
        timestamp=values["Date"],
        date=scope["date"],
        region=scope["region"],
        service=scope["service"],
        signed_headers=_signed_headers(values["SignedHeaders"]),
    )


def _from_old_url(request: Request) -> Claim:
    expires = request.field("Expires") or ""
    if not (expires.isascii() and expires.isdigit()) or len(expires) > 12:
        raise Fault(
            "AccessDenied",
            "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters",
            403,
        )
    return Claim(
        version=2,
        access_key_id=request.field("AWSAccessKeyId") or "",
        signature=request.field("Signature") or "",
        token=request.field("x-amz-security-token"),
        presigned=True,
        moment=float(expires),
        expires=float(expires),
        timestamp=expires,
    )


def _scope(credential: str) -> dict[str, str]:
    found = _SCOPE.fullmatch(credential)
    if found is None:
        raise Fault(
            "AuthorizationHeaderMalformed",
            "The authorization header is malformed; the Credential is mal-formed; expecting "
            '"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
            400,
        )
    return found.groupdict()


def _signed_headers(text: str) -> tuple[str, ...]:
    names = tuple(text.split(";"))
    if list(names) != sorted(set(names)) or text != text.lower() or len(names) > 100:
        raise _incomplete(f"SignedHeaders must be lower-case, sorted and without repetition: {text[:200]}")
    return names


def _header_moment(request: Request) -> tuple[str, float]:
    text = request.headers.get("x-amz-date")
    moment = _basic_moment(text) if text else _http_moment(request.headers.get("date", ""))
    if moment is None:
        raise _incomplete(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header, "
            "in the form 20210315T160313Z."
        )
    return text or time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(moment)), moment


@lru_cache(maxsize=256)
def _basic_moment(text: str) -> float | None:
    if not re.fullmatch(r"\d{8}T\d{6}Z", text, re.ASCII):
        return None
    try:
        return float(calendar.timegm(time.strptime(text, "%Y%m%dT%H%M%SZ")))
    except ValueError:
        return None


def _http_moment(text: str) -> float | None:
    moment = _basic_moment(text)
    if moment is not None:
        return moment
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _unsupported(algorithm: str) -> Fault:
    text = f"The authorization mechanism you have provided is not supported. Please use {ALGORITHM}."
    return Fault("InvalidRequest", f"{text} (Provided: {algorithm[:40]})", 400)


def _incomplete(text: str) -> Fault:
    return Fault("IncompleteSignature", text, 400)


def _query_error(text: str) -> Fault:
    return Fault("AuthorizationQueryParametersError", text, 400)
