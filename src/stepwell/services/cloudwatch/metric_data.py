"""GetMetricData: statistics of several series at once, page by page.

A page holds MaxDatapoints, query after query; the token names the query and the moment at which the next goes on, so
that points which come meanwhile change nothing. Metric math and Metrics Insights (Expression) are not built. Labels
that AWS makes: the metric's name, and the statistic and the period where queries differ in them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import not_implemented
from stepwell.services.cloudwatch import identities, statistics, windows
from stepwell.services.cloudwatch.faults import both, invalid_query, invalid_token
from stepwell.services.registry import Call, operation
from stepwell.store import metric_points
from stepwell.store.database import Connection
from stepwell.store.metric_points import NO_UNIT, Span

MOST_QUERIES = 500
MOST_DATAPOINTS = 100_800
ID = re.compile(r"[a-z][a-zA-Z0-9_]*")
TOKEN = re.compile(r"(\d{1,3})(?:@(\d{1,15}))?")
"""The number of a query, and the millisecond of its last datapoint that was shown, if one was."""

UNITS = (
    "Megabits", "Terabits", "Gigabits", "Count", "Bytes", "Gigabytes", "Gigabytes/Second", "Kilobytes",
    "Kilobits/Second", "Terabytes", "Terabits/Second", "Bytes/Second", "Percent", "Megabytes", "Megabits/Second",
    "Milliseconds", "Microseconds", "Kilobytes/Second", "Gigabits/Second", "Megabytes/Second", "Bits", "Bits/Second",
    "Count/Second", "Seconds", "Kilobits", "Terabytes/Second", NO_UNIT,
)  # fmt: skip
"""Of a series with several units and a query without one, AWS shows the unit that comes first in this order."""

Datapoints = list[tuple[float, float]]
"""(moment, value) pairs, in the order that was asked for."""


@operation
def get_metric_data(call: Call, request: Document) -> Document:
    queries = [each for each in request["MetricDataQueries"] if each.get("ReturnData", True)]
    _check(request, request["MetricDataQueries"])
    begin, beyond = _position(request.get("NextToken"))
    descending = request.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    room = min(request.get("MaxDatapoints", MOST_DATAPOINTS), MOST_DATAPOINTS)
    labels = _labels(queries)
    answer: Document = {"MetricDataResults": [], "Messages": []}
    with call.site.database.read() as connection:
        for number, query in list(enumerate(queries))[begin:]:
            span, messages = _span(connection, call, request, query)
            found = _datapoints(connection, call.scope, query, span, descending=descending)
            if number == begin and beyond is not None:
                found = [each for each in found if (each[0] < beyond if descending else each[0] > beyond)]
            if found and not room:
                answer["NextToken"] = str(number)
                break
            shown, room = found[:room], room - len(found[:room])
            result = _result(query, labels[number], shown, messages)
            answer["MetricDataResults"].append(result)
            if not _is_own(query, call.scope):
                result["StatusCode"] = "Forbidden"
            if len(shown) < len(found):
                result["StatusCode"] = "PartialData"
                answer["NextToken"] = f"{number}@{round(shown[-1][0] * 1000)}"
                break
    return answer


def _span(connection: Connection, call: Call, request: Document, query: Document) -> tuple[Span, list[Document]]:
    """The span of a query, with the one unit that is shown, and what is to be said of the others."""
    wanted = query["MetricStat"]
    times = (request["StartTime"], request["EndTime"], wanted["Period"], call.now)
    unit = wanted.get("Unit", "")
    series = None if unit else _series(connection, call.scope, query)
    if series is None:
        return windows.span(*times, unit), []
    units = sorted(metric_points.units(connection, series, windows.span(*times)), key=UNITS.index)
    if len(units) < 2:
        return windows.span(*times), []
    text = f"Multiple units returned: '[{', '.join(units)}]'"
    return windows.span(*times, units[0]), [{"Code": "MultipleUnits", "Value": text}]


def _series(connection: Connection, scope: Scope, query: Document) -> int | None:
    """The series that a query asks for; None when it has none, or it is another account's."""
    if not _is_own(query, scope):
        return None
    wanted = query["MetricStat"]["Metric"]
    return metric_points.find(connection, scope, identities.metric(wanted["Namespace"], wanted))


def _is_own(query: Document, scope: Scope) -> bool:
    return bool(query.get("AccountId", scope.account) == scope.account)


def _datapoints(connection: Connection, scope: Scope, query: Document, span: Span, *, descending: bool) -> Datapoints:
    series, name = _series(connection, scope, query), query["MetricStat"]["Stat"]
    if series is None:
        return []
    percent = statistics.percentile(name)
    if percent is None:
        summaries = metric_points.summaries(connection, series, span, descending=descending)
        return [(each.moment, statistics.PLAIN[name](each)) for each in summaries]
    ranks = statistics.percentiles(metric_points.values(connection, series, span), span, percent)
    return sorted(((moment, value) for (moment, _), value in ranks.items()), reverse=descending)


def _result(query: Document, label: str, found: Datapoints, messages: list[Document]) -> Document:
    result: Document = {
        "Id": query["Id"],
        "Label": query.get("Label", label),
        "Timestamps": [moment for moment, _ in found],
        "Values": [value for _, value in found],
        "StatusCode": "Complete",
    }
    return {**result, "Messages": messages} if messages else result


def _labels(queries: Sequence[Document]) -> list[str]:
    """What AWS calls each series that has no label."""
    asked = [each["MetricStat"] for each in queries]
    telling = [member for member in ("Stat", "Period") if len({str(each[member]) for each in asked}) > 1]
    return [" ".join([each["Metric"]["MetricName"], *(str(each[member]) for member in telling)]) for each in asked]


def _check(request: Document, queries: Sequence[Document]) -> None:
    if len(queries) > MOST_QUERIES:
        raise invalid_query([f"The collection MetricDataQueries must not have a size greater than {MOST_QUERIES}."])
    if request["StartTime"] > request["EndTime"]:
        raise invalid_query(["The parameter EndTime must be greater than StartTime."])
    if request["StartTime"] == request["EndTime"]:
        raise invalid_query(["The parameter StartTime must not equal parameter EndTime."])
    problems = [
        problem
        for number, query in enumerate(queries, 1)
        for problem in _problems(f"MetricDataQueries.member.{number}", query)
    ]
    if len({each["Id"] for each in queries}) < len(queries):
        problems.append("The values for parameter id in MetricDataQueries are not unique.")
    if request.get("MaxDatapoints", 1) < 1:
        problems.append("The parameter MaxDatapoints must be greater than or equal to 1.")
    if problems:
        raise invalid_query(problems)
    for query in queries:
        if "Expression" in query:
            raise not_implemented("cloudwatch", "GetMetricData with an Expression")
        refusal = statistics.unbuilt("GetMetricData", query["MetricStat"]["Stat"])
        if refusal is not None:
            raise refusal


def _problems(where: str, query: Document) -> list[str]:
    """What is wrong with a query."""
    problems = []
    if not ID.fullmatch(query["Id"]):
        problems.append(
            f"The value {query['Id']} for parameter {where}.Id is not matching the expected pattern ^{ID.pattern}$."
        )
    wanted = query.get("MetricStat")
    if wanted is None:
        if "Expression" not in query:
            problems.append(
                f"At least one of the parameters {where}.Expression or {where}.MetricStat must be specified."
            )
        return problems
    problems += [
        both(f"{where}.{other}", f"{where}.MetricStat") for other in ("Expression", "Period") if other in query
    ]
    if not statistics.is_statistic(wanted["Stat"]):
        problems.append(f"The value for parameter {where}.MetricStat.Stat is not a valid statistic.")
    if not windows.is_period(wanted["Period"]):
        problems.append(f"The parameter {where}.MetricStat.Period must be 1, 5, 10, 20, 30 or a multiple of 60.")
    problems += [
        f"The parameter {where}.MetricStat.Metric.{member} is required."
        for member in ("Namespace", "MetricName")
        if member not in wanted["Metric"]
    ]
    return problems


def _position(token: str | None) -> tuple[int, float | None]:
    """Which query a page begins with, and the moment of its last datapoint on the page before, if it had one."""
    if token is None:
        return 0, None
    found = TOKEN.fullmatch(token)
    if found is None:
        raise invalid_token()
    return int(found[1]), int(found[2]) / 1000 if found[2] else None
