"""Room gateway: which operation a request asks for. In: the head, the signed service, a form. Out: a Route.

The service's name in the signature narrows the services down; within them decide X-Amz-Target (JSON), Action
(query), or method, path and query (REST). Every service botocore knows can be routed to, and is read when first
asked for; what is not built is the Door's to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import parse_qsl, unquote

from stepwell.base.faults import Fault
from stepwell.gateway import claims, old_query
from stepwell.gateway.request import Request
from stepwell.spec import models
from stepwell.spec.models import OperationModel, ServiceModel

SIGNING_NAMES: Mapping[str, tuple[str, ...]] = {
    "sagemaker": ("sagemaker", "sagemaker-runtime", "sagemaker-metrics", "sagemaker-featurestore-runtime"),
    "states": ("stepfunctions",),
    "monitoring": ("cloudwatch",),
    "tagging": ("resourcegroupstaggingapi",),
    "elasticmapreduce": ("emr",),
    "aws-marketplace": ("marketplace-entitlement", "meteringmarketplace"),
}
"""botocore's names of the services that sign with a name; not listed: the one service of that name."""

UNSIGNED_QUERY_SERVICES = ("sts",)
"""Services with operations that prove who asks by something else than a signature (AssumeRoleWithWebIdentity)."""

VIRTUAL_HOST = re.compile(r"(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\.(?:s3[.-][^:]+|s3|localhost)(?::\d+)?")
"""Hosts that name a bucket: bucket.s3.us-east-1.amazonaws.com, bucket.s3.example.internal, bucket.localhost."""

NO_FORMS = frozenset({"s3", "sagemaker", "lambda", "scheduler", "emr-serverless"})
"""Signing names under which no service speaks query: there `Action` and forms are nothing special."""

FORM_PROTOCOLS = ("query", "ec2")

WAITING_TARGETS = frozenset({"AmazonSQS.ReceiveMessage"})
WAITING_FORMS = frozenset({"sqs"})
"""Operations that may hold their thread while nothing happens, by target; services that have some, for forms."""

MOST_FORM_FIELDS = 10_000


@dataclass(frozen=True, slots=True)
class Route:
    """The operation, and what its path and form said."""

    operation: OperationModel
    labels: Mapping[str, str] = field(default_factory=dict)
    """Values of the path template's labels, decoded."""
    form: tuple[tuple[str, str], ...] = ()
    """The fields of a query-protocol request."""

    @property
    def protocol(self) -> str:
        return self.operation.service.protocol


def needs_form(request: Request, signing_name: str | None) -> bool:
    """The operation is named in the body, which must be read before the request can be routed."""
    return (
        request.method == "POST"
        and request.media_type == "application/x-www-form-urlencoded"
        and "x-amz-target" not in request.headers
        # A form is also what some clients call a body they know nothing of.
        and signing_name not in NO_FORMS
    )


def route(request: Request, signing_name: str | None, form: bytes = b"") -> Route:
    """Where the request goes. Raises Fault when there is no such operation."""
    target = request.headers.get("x-amz-target")
    if target is not None:
        return _by_target(target, signing_name)
    if _names_action(request, signing_name):
        return _by_action(request, signing_name, form)
    return _by_path(request, signing_name)


def may_wait(request: Request) -> bool:
    """The operation may take long without working (a long poll): it must not keep others from a thread."""
    target = request.headers.get("x-amz-target")
    if target is not None:
        return target in WAITING_TARGETS
    signed_for = claims.service_hint(request)
    return signed_for in WAITING_FORMS and _names_action(request, signed_for)


def protocol_hint(request: Request, signing_name: str | None) -> str:
    """The protocol in which to answer a request that could not be routed: a guess that reads no model."""
    if "x-amz-target" in request.headers:
        return "json"
    if _names_action(request, signing_name):
        return "query"
    is_rest_json = request.media_type == "application/json" or signing_name not in (None, "s3")
    return "rest-json" if is_rest_json else "rest-xml"


def _names_action(request: Request, signing_name: str | None) -> bool:
    named = signing_name not in NO_FORMS and request.field("Action") is not None
    return named or needs_form(request, signing_name)


@lru_cache(maxsize=512)
def services(signing_name: str) -> tuple[ServiceModel, ...]:
    """The services that sign with this name; empty when botocore knows none."""
    found = []
    for name in SIGNING_NAMES.get(signing_name, (signing_name,)):
        try:
            found.append(models.service(name))
        except models.UnknownServiceError:
            continue
    return tuple(found)


def _by_target(target: str, signing_name: str | None) -> Route:
    prefix, _, name = target.rpartition(".")
    for service in services(signing_name or ""):
        if service.target_prefix == prefix and service.has_operation(name):
            return Route(service.operation(name))
    raise Fault("UnknownOperationException", f"The requested operation {target[:200]} is not recognized.", 400)


def _by_action(request: Request, signing_name: str | None, form: bytes) -> Route:
    fields = read_form(form) if form else request.fields
    action = next((value for name, value in fields if name == "Action"), "")
    names = (signing_name,) if signing_name else UNSIGNED_QUERY_SERVICES
    for service in (service for name in names for service in services(name)):
        spoken = service if service.protocol in FORM_PROTOCOLS else old_query.form_of(service)
        if spoken is not None and spoken.has_operation(action):
            return Route(spoken.operation(action), form=old_query.completed(spoken, fields, request.path))
    text = f"The action {action[:200]} is not valid for this web service." if action else "Missing Action"
    raise Fault("InvalidAction" if action else "MissingAction", text, 400)


def read_form(form: bytes) -> tuple[tuple[str, str], ...]:
    """The fields of a form. Raises Fault when there are too many, or it is no UTF-8."""
    try:
        return tuple(
            parse_qsl(form.decode(), keep_blank_values=True, max_num_fields=MOST_FORM_FIELDS, errors="strict")
        )
    except ValueError:
        raise Fault("MalformedQueryString", "The query string contains a syntax error.", 400) from None


def _by_path(request: Request, signing_name: str | None) -> Route:
    name = signing_name or "s3"
    path = request.path
    if name == "s3":
        found = VIRTUAL_HOST.fullmatch(request.headers.get("host", "").lower())
        path = f"/{found['bucket']}{path}" if found else path
    for service in services(name):
        if not service.protocol.startswith("rest-"):
            continue
        matched = _match(service, request, path)
        if matched is not None:
            return matched
    if name == "s3":
        raise Fault("MethodNotAllowed", "The specified method is not allowed against this resource.", 405)
    raise Fault("UnknownOperationException", f"No operation of {name} is {request.method} {path[:200]}", 404)


def _match(service: ServiceModel, request: Request, path: str) -> Route | None:
    for rule in _rules(service):
        labels = rule.match(request, path)
        if labels is not None:
            return Route(rule.operation, labels)
    return None


@dataclass(frozen=True, slots=True)
class _Rule:
    """One operation's HTTP form; rules that ask for more come first."""

    operation: OperationModel
    pattern: re.Pattern[str]
    literals: Mapping[str, str]
    """Query fields the template itself names."""
    fields: frozenset[str]
    """Query fields that required members travel in."""
    headers: frozenset[str]
    """Headers that required members travel in."""
    rank: tuple[int, ...]

    def match(self, request: Request, path: str) -> Mapping[str, str] | None:
        """The path's labels, or None when the request is not of this form."""
        if request.method != self.operation.method:
            return None
        if self.literals or self.fields:
            given = dict(reversed(request.fields))
            literal = all(given.get(name) == value for name, value in self.literals.items())
            if not literal or not self.fields <= given.keys():
                return None
        if not all(name in request.headers for name in self.headers):
            return None
        found = self.pattern.fullmatch(path)
        if found is None:
            return None
        return {name: unquote(value) for name, value in _restored(found.groupdict()).items()}


_rule_tables: dict[str, tuple[_Rule, ...]] = {}


def _rules(service: ServiceModel) -> tuple[_Rule, ...]:
    table = _rule_tables.get(service.name)
    if table is None:
        rules = (_rule(service.operation(name)) for name in service.operation_names)
        table = tuple(sorted(rules, key=lambda rule: rule.rank, reverse=True))
        _rule_tables[service.name] = table
    return table


def _rule(operation: OperationModel) -> _Rule:
    path, _, query = operation.request_uri.partition("?")
    literals = dict(parse_qsl(query, keep_blank_values=True))
    shape = operation.input_shape
    needed = [shape.members[name] for name in shape.required] if shape else []
    fields = frozenset(member.wire_name for member in needed if member.location == "querystring")
    # Which query field or header is required tells operations of one path apart only in S3's model; elsewhere a
    # missing one is for validation to report.
    if operation.service.name != "s3":
        fields = frozenset()
    is_s3 = operation.service.name == "s3"
    headers = frozenset(m.wire_name.lower() for m in needed if is_s3 and m.location == "header")
    fixed = re.sub(r"\{[^}]*\}", "", path)
    rank = (
        len(literals) + len(fields) + len(headers),
        len(fixed),
        0 if operation.traits.get("deprecated") else 1,
    )
    return _Rule(operation, _pattern(path), literals, fields, headers, rank)


_LABEL = re.compile(r"\{(\w+)(\+?)\}")


def _pattern(template: str) -> re.Pattern[str]:
    """The template as an expression over a percent-encoded path."""
    text, position = "", 0
    for found in _LABEL.finditer(template):
        text += re.escape(template[position : found.start()])
        text += f"(?P<{_group(found[1])}>{'.+' if found[2] else '[^/]+'})"
        position = found.end()
    # A trailing slash means nothing: `/bucket/` is the bucket.
    return re.compile(text + re.escape(template[position:]).rstrip("/") + "/?", re.DOTALL)


def _group(label: str) -> str:
    return label.replace("-", "__")


def _restored(groups: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("__", "-"): value for name, value in groups.items()}
