"""GetMetricStatistics: statistics of one series, a datapoint for each period and unit that has points."""

from __future__ import annotations

from collections.abc import Sequence

from stepwell.base.documents import Document
from stepwell.services.cloudwatch import identities, statistics, windows
from stepwell.services.cloudwatch.faults import both, invalid_combination, invalid_value, missing
from stepwell.services.registry import Call, operation
from stepwell.store import metric_points
from stepwell.store.database import Connection
from stepwell.store.metric_points import Span

MOST_DATAPOINTS = 1440


@operation
def get_metric_statistics(call: Call, request: Document) -> Document:
    plain, extended = request.get("Statistics", []), request.get("ExtendedStatistics", [])
    _check(request, plain, extended)
    span = windows.span(
        request["StartTime"], request["EndTime"], request["Period"], call.now, request.get("Unit", "")
    )
    metric = identities.metric(request["Namespace"], request)
    with call.site.database.read() as connection:
        series = metric_points.find(connection, call.scope, metric)
        found = _datapoints(connection, series, span, plain, extended) if series is not None else []
    return {"Label": metric.name, "Datapoints": found}


def _datapoints(
    connection: Connection, series: int, span: Span, plain: Sequence[str], extended: Sequence[str]
) -> list[Document]:
    answer = []
    points = metric_points.values(connection, series, span) if extended else []
    ranks = {name: statistics.percentiles(points, span, statistics.percentile(name) or 0.0) for name in extended}
    for each in metric_points.summaries(connection, series, span):
        datapoint: Document = {"Timestamp": each.moment, "Unit": each.unit}
        datapoint.update({name: statistics.PLAIN[name](each) for name in plain})
        at = (each.moment, each.unit)
        told = {name: values[at] for name, values in ranks.items() if at in values}
        if told:
            datapoint["ExtendedStatistics"] = told
        if plain or told:
            answer.append(datapoint)
    return answer


def _check(request: Document, plain: Sequence[str], extended: Sequence[str]) -> None:
    if plain and extended:
        raise invalid_combination(both("Statistics", "ExtendedStatistics"))
    if not plain and not extended:
        raise missing("At least one of the parameters Statistics or ExtendedStatistics must be specified.")
    start, end, period = request["StartTime"], request["EndTime"], request["Period"]
    if not start < end:
        raise invalid_value("The parameter StartTime must be less than the parameter EndTime.")
    if not windows.is_period(period):
        raise invalid_value("The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.")
    asked = int(end - start) // period
    if asked > MOST_DATAPOINTS:
        raise invalid_combination(
            f"You have requested up to {asked} datapoints, which exceeds the limit of {MOST_DATAPOINTS}. "
            "You may reduce the datapoints requested by increasing Period, or decreasing the time range."
        )
    for name in extended:
        if name in statistics.PLAIN or not statistics.is_statistic(name):
            raise invalid_value(f"The value {name} for parameter ExtendedStatistics is not supported.")
        refusal = statistics.unbuilt("GetMetricStatistics", name)
        if refusal is not None:
            raise refusal
