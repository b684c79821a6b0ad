"""Signatures that botocore makes are accepted; each way of being wrong has its code in each family of services."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable

import botocore.auth
import pytest
from gateway_signing import arrived, signed

from stepwell.base import clock
from stepwell.base.faults import Fault
from stepwell.gateway import authentication, claims, refusals, signature
from stepwell.gateway.claims import Claim
from stepwell.gateway.door import Key
from stepwell.gateway.request import Request
from stepwell.gateway.signature import Signer

KEY = Key("secret", None, "123456789012", "arn:aws:iam::123456789012:user/u", None)
PROTOCOLS = {"s3": "rest-xml", "sagemaker": "json", "lambda": "rest-json", "sts": "query"}


@dataclasses.dataclass
class OneKey:
    """Keys that know one key, or none."""

    key: Key | None

    def find(self, access_key_id: str, now: float) -> Key | None:
        return self.key


def judged(request: Request, *, key: Key | None = KEY, body: bytes = b"{}", late: float = 0.0) -> Signer:
    """What the gateway does with a request, up to the point where it is believed."""
    hint = PROTOCOLS[claims.service_hint(request) or "s3"]
    asking = authentication.claimant(request, OneKey(key), hint, clock.now() + late)
    assert asking is not None
    claim = asking.claim
    declared = signature.payload_hash(request, claim) or hashlib.sha256(body).hexdigest()
    return signature.verify(request, claim, asking.key, declared, PROTOCOLS[claim.service], asking.now)


def refusal(request: Request, *, key: Key | None = KEY, late: float = 0.0) -> tuple[str, int]:
    with pytest.raises(Fault) as caught:
        judged(request, key=key, late=late)
    return caught.value.code, caught.value.status


def changed(request: Request, **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return dataclasses.replace(request, headers={**request.headers, **named})


PATHS = ("/", "/bucket/key", "/b/a%20b", "/b/a%2Bb+c", "/b/%C3%A9", "/b/a//b", "/b/./c/../d", "/b/~x", "/b/(1)'*!")
QUERIES = ("", "?uploads", "?list-type=2&prefix=a%2Fb%20c&delimiter=%2F", "?b=2&a=1&a=0", "?x=%C3%A9&y=%2B&z=~")


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("service", PROTOCOLS)
def test_what_botocore_signs_is_believed(service: str, path: str, query: str) -> None:
    request = signed(
        "PUT", path + query, service=service, headers={"X-Amz-Meta-A": "b  c ", "Content-Type": "text/x"}
    )
    assert judged(request).key is KEY


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("service", ["s3", "sts"])
def test_presigned_urls_are_believed_until_they_end(service: str, path: str) -> None:
    request = signed("GET", path + "?versionId=1", service=service, presign=600, body=b"")
    assert judged(request, body=b"").claim.presigned
    judged(request, body=b"", late=599)
    code = {"s3": "AccessDenied", "sts": "SignatureDoesNotMatch"}[service]
    with pytest.raises(Fault, match=code):
        judged(request, body=b"", late=602)


OLD_QUERIES = ("", "?uploads", "?partNumber=1&uploadId=x%2Fy", "?response-content-type=text%2Fplain", "?other=1")


@pytest.mark.parametrize("query", OLD_QUERIES)
@pytest.mark.parametrize("token", [None, "session token/+="])
def test_urls_presigned_the_old_way_are_believed(query: str, token: str | None) -> None:
    signer = botocore.auth.HmacV1QueryAuth

    def sign(credentials: object, service: str, region: str, expires: int) -> object:
        return signer(credentials, expires=expires)

    url = signed("GET", f"/bucket/a%20b{query}", service="s3", presign=600, body=b"", token=token, signer=sign)
    assert judged(url, key=dataclasses.replace(KEY, session_token=token)).claim.version == 2
    assert refusal(url, key=Key("other", token, "1", "", None)) == ("SignatureDoesNotMatch", 403)
    assert refusal(url, key=dataclasses.replace(KEY, session_token=token), late=700) == ("AccessDenied", 403)


TAMPERED: dict[str, Callable[[Request], Request]] = {
    "method": lambda request: dataclasses.replace(request, method="DELETE"),
    "path": lambda request: dataclasses.replace(request, path="/other"),
    "query": lambda request: dataclasses.replace(request, query="a=2", fields=(("a", "2"),)),
    "header": lambda request: changed(request, content_type="text/y"),
    "host": lambda request: changed(request, host="elsewhere"),
}


@pytest.mark.parametrize("part", TAMPERED)
@pytest.mark.parametrize("service", PROTOCOLS)
def test_what_was_signed_cannot_be_changed(service: str, part: str) -> None:
    request = signed("PUT", "/b/k?a=1", service=service, headers={"Content-Type": "text/x"})
    expected = {
        "s3": ("SignatureDoesNotMatch", 403),
        "sagemaker": ("InvalidSignatureException", 400),
        "lambda": ("InvalidSignatureException", 403),
        "sts": ("SignatureDoesNotMatch", 403),
    }
    assert refusal(TAMPERED[part](request)) == expected[service]


def test_another_body_is_another_signature() -> None:
    with pytest.raises(Fault, match="InvalidSignatureException"):
        judged(signed(body=b'{"a":1}'), body=b'{"a":2}')


REFUSALS = {
    "unknown key": {
        "s3": ("InvalidAccessKeyId", 403),
        "sagemaker": ("UnrecognizedClientException", 400),
        "lambda": ("UnrecognizedClientException", 403),
        "sts": ("InvalidClientTokenId", 403),
    },
    "wrong secret": {
        "s3": ("SignatureDoesNotMatch", 403),
        "sagemaker": ("InvalidSignatureException", 400),
        "lambda": ("InvalidSignatureException", 403),
        "sts": ("SignatureDoesNotMatch", 403),
    },
    "token where none belongs": {
        "s3": ("InvalidToken", 400),
        "sagemaker": ("UnrecognizedClientException", 400),
        "lambda": ("UnrecognizedClientException", 403),
        "sts": ("InvalidClientTokenId", 403),
    },
    "expired session": {
        "s3": ("ExpiredToken", 400),
        "sagemaker": ("ExpiredTokenException", 400),
        "lambda": ("ExpiredTokenException", 403),
        "sts": ("ExpiredToken", 403),
    },
    "long ago": {
        "s3": ("RequestTimeTooSkewed", 403),
        "sagemaker": ("InvalidSignatureException", 400),
        "lambda": ("InvalidSignatureException", 403),
        "sts": ("SignatureDoesNotMatch", 403),
    },
}


@pytest.mark.parametrize("reason", REFUSALS)
@pytest.mark.parametrize("service", PROTOCOLS)
def test_each_reason_has_its_code_in_each_family(service: str, reason: str) -> None:
    request = signed(service=service, token="t" if reason == "token where none belongs" else None)
    key: Key | None = KEY
    late = 0.0
    match reason:
        case "unknown key":
            key = None
        case "wrong secret":
            key = dataclasses.replace(KEY, secret="other")
        case "expired session":
            key = dataclasses.replace(KEY, expires=clock.now() - 1)
        case "long ago":
            late = signature.CLOCK_SKEW + 5
    assert refusal(request, key=key, late=late) == REFUSALS[reason][service]


@pytest.mark.parametrize("late", [-890.0, 0.0, 890.0])
def test_clocks_may_differ_by_a_quarter_of_an_hour(late: float) -> None:
    judged(signed(), late=late)


def test_a_signature_of_tomorrow_is_refused() -> None:
    with pytest.raises(Fault, match="Signature not yet current: "):
        judged(signed(), late=-1000.0)


@pytest.mark.parametrize(("given", "is_right"), [("token", True), ("tokem", False), (None, False), ("", False)])
def test_session_tokens_must_be_the_keys(given: str | None, is_right: bool) -> None:
    key = dataclasses.replace(KEY, session_token="token", expires=clock.now() + 60)
    request = signed(token=given)
    if is_right:
        judged(request, key=key)
    else:
        assert refusal(request, key=key)[0] == "UnrecognizedClientException"


def test_headers_of_amazon_must_be_signed_on_s3() -> None:
    request = changed(signed("PUT", "/b/k", service="s3"), **{"x-amz-copy-source": "/other/secret"})
    with pytest.raises(Fault, match="not signed") as caught:
        judged(request)
    assert caught.value.members == {"HeadersNotSigned": "x-amz-copy-source"}


def test_the_host_must_be_signed() -> None:
    request = signed()
    text = request.headers["authorization"].replace(";host", "").replace("host;", "")
    with pytest.raises(Fault, match="'host' must be a 'SignedHeader'"):
        judged(changed(request, authorization=text))


SCOPE = "AK/20210315/us-east-1/sagemaker/aws4_request"
BROKEN_HEADERS = {
    "another algorithm": ("AWS4-ECDSA-P256-SHA256 Credential=x", "InvalidRequest"),
    "version 2": ("AWS AKID:signature", "InvalidRequest"),
    "basic": ("Basic dTpw", "InvalidRequest"),
    "nothing": ("", "InvalidRequest"),
    "no credential": ("AWS4-HMAC-SHA256 SignedHeaders=host, Signature=x", "IncompleteSignature"),
    "no signature": (f"AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host", "IncompleteSignature"),
    "short scope": (
        "AWS4-HMAC-SHA256 Credential=AK/20210315/us-east-1, SignedHeaders=host, Signature=x",
        "AuthorizationHeaderMalformed",
    ),
    "a path in the scope": (
        "AWS4-HMAC-SHA256 Credential=AK/20210315/us-east-1/../aws4_request, SignedHeaders=host, Signature=x",
        "AuthorizationHeaderMalformed",
    ),
    "another date": (
        "AWS4-HMAC-SHA256 Credential=AK/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x",
        "IncompleteSignature",
    ),
    "headers out of order": (
        f"AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=x-amz-date;host, Signature=x",
        "IncompleteSignature",
    ),
}


@pytest.mark.parametrize("case", BROKEN_HEADERS)
def test_headers_that_cannot_be_read(case: str) -> None:
    text, code = BROKEN_HEADERS[case]
    with pytest.raises(Fault) as caught:
        claims.read(arrived("POST", "http://h/", {"Authorization": text, "X-Amz-Date": "20210315T000000Z"}))
    assert caught.value.code == code


@pytest.mark.parametrize("date", ["", "yesterday", "20211315T000000Z", "2021-03-15T00:00:00Z"])
def test_dates_that_cannot_be_read(date: str) -> None:
    text = f"AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host, Signature=x"
    with pytest.raises(Fault, match="IncompleteSignature"):
        claims.read(arrived("POST", "http://h/", {"Authorization": text, "X-Amz-Date": date}))


def test_the_date_header_will_do() -> None:
    text = f"AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host, Signature=x"
    headers = {"Authorization": text, "Date": "Mon, 15 Mar 2021 16:03:13 GMT"}
    claim = claims.read(arrived("POST", "http://h/", headers))
    assert claim is not None
    assert (claim.timestamp, claim.moment) == ("20210315T160313Z", 1615824193.0)


BROKEN_URLS = {
    "no expiry": ({"X-Amz-Expires": None}, "requires the X-Amz-Expires parameter"),
    "a week and more": ({"X-Amz-Expires": "604801"}, "less than a week"),
    "negative": ({"X-Amz-Expires": "-1"}, "should be a number"),
    "a long number": ({"X-Amz-Expires": "9" * 5000}, "should be a number"),
    "another algorithm": ({"X-Amz-Algorithm": "AWS4-HMAC-SHA1"}, "only supports"),
    "another date": ({"X-Amz-Date": "20200101T000000Z"}, "must be in the ISO8601"),
}


@pytest.mark.parametrize("case", BROKEN_URLS)
def test_urls_that_cannot_be_read(case: str) -> None:
    changes, text = BROKEN_URLS[case]
    request = signed("GET", "/b/k", service="s3", presign=60, body=b"")
    fields = {**dict(request.fields), **changes}
    kept = tuple((name, value) for name, value in fields.items() if value is not None)
    with pytest.raises(Fault, match=text) as caught:
        claims.read(dataclasses.replace(request, fields=kept))
    assert caught.value.code == "AuthorizationQueryParametersError"


def test_a_request_may_carry_no_claim() -> None:
    assert claims.read(arrived("GET", "http://h/?Action=X", {})) is None


@pytest.mark.parametrize("protocol", ["rest-xml", "json", "rest-json", "query"])
def test_missing_signatures(protocol: str) -> None:
    codes = {
        "rest-xml": "AccessDenied",
        "query": "MissingAuthenticationToken",
        "json": "MissingAuthenticationTokenException",
        "rest-json": "MissingAuthenticationTokenException",
    }
    assert refusals.missing_signature(protocol).code == codes[protocol]


def test_secrets_do_not_show() -> None:
    key = Key("hidden secret", "hidden token", "1", "arn", None)
    signer = Signer(key, Claim(4, "AK", "x", None, False, 0, None), b"hidden bytes")
    assert "hidden" not in repr(key) + repr(signer)


def test_keys_are_derived_as_aws_documents() -> None:
    # The example of "Deriving a signing key" in the AWS General Reference.
    derived = signature.derived_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20120215", "us-east-1", "iam")
    assert derived.hex() == "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"
