"""Room gateway: the words in which AWS refuses a signature. In: the reason and the protocol. Out: a Fault.

The same reason has another code in each family of services: S3 (rest-xml), the JSON protocols, and query.
Source: S3 API Reference, "Error responses"; AWS General Reference and IAM API Reference, "Common errors".
"""

from __future__ import annotations

from stepwell.base import times
from stepwell.base.faults import Fault


def missing_signature(protocol: str) -> Fault:
    """Nobody signed."""
    match protocol:
        case "rest-xml":
            return Fault("AccessDenied", "Access Denied", 403)
        case "query":
            return Fault("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
        case _:
            return Fault("MissingAuthenticationTokenException", "Missing Authentication Token", _status(protocol))


def unknown_key(protocol: str, access_key_id: str) -> Fault:
    """No such access key."""
    match protocol:
        case "rest-xml":
            text = "The AWS Access Key Id you provided does not exist in our records."
            return Fault("InvalidAccessKeyId", text, 403, {"AWSAccessKeyId": access_key_id})
        case "query":
            return Fault("InvalidClientTokenId", _INVALID_TOKEN, 403)
        case _:
            return Fault("UnrecognizedClientException", _INVALID_TOKEN, _status(protocol))


def wrong_token(protocol: str) -> Fault:
    """The session token is not the key's."""
    match protocol:
        case "rest-xml":
            return Fault("InvalidToken", "The provided token is malformed or otherwise invalid.", 400)
        case "query":
            return Fault("InvalidClientTokenId", _INVALID_TOKEN, 403)
        case _:
            return Fault("UnrecognizedClientException", _INVALID_TOKEN, _status(protocol))


def expired_token(protocol: str) -> Fault:
    """The session is over."""
    match protocol:
        case "rest-xml":
            return Fault("ExpiredToken", "The provided token has expired.", 400)
        case "query":
            return Fault("ExpiredToken", _EXPIRED_TOKEN, 403)
        case _:
            return Fault("ExpiredTokenException", _EXPIRED_TOKEN, _status(protocol))


def wrong_signature(protocol: str, canonical_request: str = "", string_to_sign: str = "") -> Fault:
    """The secret, or something that was signed, is another."""
    if protocol == "rest-xml":
        text = (
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method."
        )
        return Fault("SignatureDoesNotMatch", text, 403)
    text = _WRONG_SIGNATURE
    if canonical_request:
        # Printed by AWS too: it holds nothing but the client's own request.
        text += (
            f"\n\nThe Canonical String for this request should have been\n'{canonical_request}'"
            f"\n\nThe String-to-Sign should have been\n'{string_to_sign}'\n"
        )
    return Fault(signature_code(protocol), text, 403 if protocol == "query" else _status(protocol))


def skewed(protocol: str, timestamp: str, moment: float, now: float, allowed: float) -> Fault:
    """Signed too long ago, or too far in the future."""
    if protocol == "rest-xml":
        members = {
            "RequestTime": timestamp,
            "ServerTime": times.iso(now),
            "MaxAllowedSkewMilliseconds": str(int(allowed * 1000)),
        }
        text = "The difference between the request time and the current time is too large."
        return Fault("RequestTimeTooSkewed", text, 403, members)
    here, minutes = _basic(now), int(allowed // 60)
    if moment < now:
        limit = _basic(now - allowed)
        text = f"Signature expired: {timestamp} is now earlier than {limit} ({here} - {minutes} min.)"
    else:
        limit = _basic(now + allowed)
        text = f"Signature not yet current: {timestamp} is still later than {limit} ({here} + {minutes} min.)"
    return Fault(signature_code(protocol), text, 403 if protocol == "query" else _status(protocol))


def expired_url(protocol: str, expires: float, now: float) -> Fault:
    """A presigned URL after its end."""
    if protocol != "rest-xml":
        text = f"Signature expired: {_basic(expires)} is now earlier than {_basic(now)}"
        return Fault(signature_code(protocol), text, 403 if protocol == "query" else _status(protocol))
    members = {"Expires": times.iso(expires), "ServerTime": times.iso(now)}
    return Fault("AccessDenied", "Request has expired", 403, members)


def unsigned_headers(protocol: str, names: list[str]) -> Fault:
    """Something that matters was sent, but not signed."""
    listed = ", ".join(names)
    if protocol == "rest-xml":
        text = "There were headers present in the request which were not signed"
        return Fault("AccessDenied", text, 403, {"HeadersNotSigned": listed})
    text = f"'{listed}' must be a 'SignedHeader' in the AWS Authorization."
    return Fault(signature_code(protocol), text, 403 if protocol == "query" else _status(protocol))


def wrong_payload(declared: str, computed: str) -> Fault:
    """The body of an S3 request is not the one that was signed."""
    members = {"ClientComputedContentSHA256": declared, "S3ComputedContentSHA256": computed}
    text = "The provided 'x-amz-content-sha256' header does not match what was computed."
    return Fault("XAmzContentSHA256Mismatch", text, 400, members)


def unreadable(protocol: str, fault: Fault) -> Fault:
    """A claim that could not be read, under the code the protocol's family uses."""
    is_json = protocol not in ("rest-xml", "query")
    if fault.code == "IncompleteSignature" and is_json:
        return Fault("IncompleteSignatureException", fault.message, _status(protocol))
    if fault.code == "IncompleteSignature" and protocol == "rest-xml":
        text = f"The authorization header is malformed; {fault.message}"
        return Fault("AuthorizationHeaderMalformed", text, 400)
    if fault.code == "AuthorizationHeaderMalformed" and protocol != "rest-xml":
        code = "IncompleteSignatureException" if is_json else "IncompleteSignature"
        return Fault(code, fault.message, 400)
    return fault


def signature_code(protocol: str) -> str:
    """What a wrong signature is called outside S3."""
    return "SignatureDoesNotMatch" if protocol in ("rest-xml", "query") else "InvalidSignatureException"


def _status(protocol: str) -> int:
    # AWS JSON services answer 400 to everything that is the client's doing; REST ones say 403.
    return 403 if protocol == "rest-json" else 400


def _basic(moment: float) -> str:
    return times.iso(moment)[:19].replace("-", "").replace(":", "") + "Z"


_INVALID_TOKEN = "The security token included in the request is invalid."
_EXPIRED_TOKEN = "The security token included in the request is expired"
_WRONG_SIGNATURE = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)
