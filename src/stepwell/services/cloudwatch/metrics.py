"""ListMetrics: which series have had points lately."""

from __future__ import annotations

import base64
import binascii
import json

from stepwell.base.documents import Document
from stepwell.services.cloudwatch import identities
from stepwell.services.cloudwatch.faults import invalid_value
from stepwell.services.registry import Call, operation
from stepwell.store import metric_points
from stepwell.store.metric_points import Metric

PAGE = 500
LATELY = 14 * 86400.0
"""Seconds after which a series without new points is not listed any more."""
RECENTLY = {"PT3H": 3 * 3600.0}


@operation
def list_metrics(call: Call, request: Document) -> Document:
    if request.get("OwningAccount", call.scope.account) != call.scope.account:
        return {"Metrics": []}
    since = call.now - RECENTLY.get(request.get("RecentlyActive", ""), LATELY)
    with call.site.database.read() as connection:
        found = metric_points.page(
            connection,
            call.scope,
            namespace=request.get("Namespace", ""),
            name=request.get("MetricName", ""),
            dimensions=[(each["Name"], each.get("Value")) for each in request.get("Dimensions", ())],
            since=since,
            after=_position(request["NextToken"]) if "NextToken" in request else None,
            limit=PAGE + 1,
        )
    answer: Document = {"Metrics": [identities.shown(metric) for metric in found[:PAGE]]}
    if request.get("IncludeLinkedAccounts"):
        answer["OwningAccounts"] = [call.scope.account] * len(answer["Metrics"])
    return {**answer, "NextToken": _token(found[PAGE - 1])} if len(found) > PAGE else answer


def _token(last: Metric) -> str:
    parts = [last.namespace, last.name, last.dimensions]
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


def _position(token: str) -> Metric:
    """The series that a page ended with. Raises InvalidParameterValue for a token that we did not give."""
    try:
        namespace, name, dimensions = json.loads(base64.urlsafe_b64decode(token))
        pairs = tuple((key, value) for key, value in dimensions)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise invalid_value("Request parameter NextToken is invalid") from None
    if not all(isinstance(text, str) for text in (namespace, name, *(part for pair in pairs for part in pair))):
        raise invalid_value("Request parameter NextToken is invalid")
    return Metric(namespace, name, pairs)
