"""Room store: points of metrics, in order, in periods, and forgotten; and how far logs were read."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepwell.base.arn import Scope
from stepwell.services.registry import Site
from stepwell.store import metric_points, metric_tails, resources, running_jobs, work
from stepwell.store.metric_points import Metric, Point, Span
from stepwell.store.metric_tails import Log, Tail
from stepwell.store.resources import Resource

METRIC = Metric("mine", "loss", (("Host", "a"),))
EVER = Span(0, 1e11, 60)
LOG = Log("arn:aws:sagemaker:eu-west-1:123456789012:training-job/x", 5.0, 1, "algo-1")


def add(site: Site, scope: Scope, *points: Point, metric: Metric = METRIC) -> int:
    with site.database.write() as transaction:
        metric_points.add(transaction, scope, [(metric, point) for point in points])
        found = metric_points.find(transaction.connection, scope, metric)
    assert found is not None
    return found


def test_points_come_back_as_they_were_in_order(site: Site, scope: Scope) -> None:
    points = [
        Point(100.002, 1.5, "Percent", step=7),
        Point(100.001, 2.0, count=3.0),
        Point(100.002, -4.0),
        Point(99.0, 8.0, "Count", 4.0, 1.0, 3.0),
    ]
    series = add(site, scope, *points)
    assert add(site, scope, Point(100.002, 9.0)) == series
    with site.database.read() as connection:
        found = metric_points.values(connection, series, EVER)
        assert metric_points.units(connection, series, EVER) == {"None", "Percent", "Count"}
    assert found == [points[3], points[1], points[0], points[2], Point(100.002, 9.0)]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(-5, 5), st.sampled_from(["None", "Count"])), max_size=30))
def test_summaries_are_those_of_plain_arithmetic(site: Site, scope: Scope, drawn: list[tuple[int, int, str]]) -> None:
    metric = Metric("mine", f"m{len(drawn)}.{hash(tuple(drawn))}")
    series = add(site, scope, Point(0.0, 0.0, "Bytes"), *(Point(at, v, unit) for at, v, unit in drawn), metric=metric)
    with site.database.write() as transaction:
        found = metric_points.summaries(transaction.connection, series, Span(10, 370, 60))
        metric_points.forget(transaction, series, 1e9)
    expected: dict[tuple[float, str], list[float]] = {}
    for at, value, unit in drawn:
        if 10 <= at < 370:
            expected.setdefault((10 + (at - 10) // 60 * 60, unit), []).append(value)
    assert {(s.moment, s.unit): (s.count, s.total, s.minimum, s.maximum) for s in found} == {
        place: (len(values), sum(values), min(values), max(values)) for place, values in expected.items()
    }
    assert [s.moment for s in found] == sorted(s.moment for s in found)


def test_old_points_go_and_with_the_last_their_series(site: Site, scope: Scope) -> None:
    old = add(site, scope, Point(10.0, 1.0), metric=Metric("mine", "old"))
    both = add(site, scope, Point(10.0, 1.0), Point(1000.0, 2.0), metric=Metric("mine", "both"))
    young = add(site, scope, Point(1000.0, 2.0), metric=Metric("mine", "young"))
    with site.database.write() as transaction:
        connection = transaction.connection
        assert metric_points.outdated(connection, 500.0, 0, 10) == [old, both]
        assert metric_points.outdated(connection, 500.0, old, 10) == [both]
        for series in (old, both):
            metric_points.forget(transaction, series, 500.0)
        assert metric_points.outdated(connection, 500.0, 0, 10) == []
        assert metric_points.find(connection, scope, Metric("mine", "old")) is None
        assert [p.value for s in (both, young) for p in metric_points.values(connection, s, EVER)] == [2.0, 2.0]


def test_a_tail_moves_only_from_where_it_stands(site: Site) -> None:
    first = Tail(10, {"loss": (1.5, 100.25)}, ("bad",))
    with site.database.write() as transaction:
        assert metric_tails.find(transaction.connection, LOG) == Tail()
        assert metric_tails.move(transaction, LOG, Tail(), first)
        assert not metric_tails.move(transaction, LOG, Tail(), Tail(20))
        assert metric_tails.find(transaction.connection, LOG) == first
        assert metric_tails.move(transaction, LOG, first, Tail(30))
        assert metric_tails.jobs(transaction.connection) == [(LOG.job, 5.0)]
        metric_tails.remove(transaction, LOG.job, 4.0)
        assert metric_tails.find(transaction.connection, LOG).position == 30
        metric_tails.remove(transaction, LOG.job, 5.0)
        assert metric_tails.jobs(transaction.connection) == []


def test_jobs_under_way_and_their_stamps(site: Site, scope: Scope) -> None:
    key = resources.key(scope, "training-job", "x")
    with site.database.write() as transaction:
        work.wake(transaction, "job", LOG.job, 1.0)
        work.wake(transaction, "other", "arn:of:something:else", 1.0)
        assert running_jobs.under_way(transaction.connection, "job") == [LOG.job]
        assert running_jobs.stamp(transaction.connection, key) is None
        resources.add(transaction, Resource(key, "InProgress", 5.0, 7.25))
        assert running_jobs.stamp(transaction.connection, key) == 7.25


@pytest.mark.parametrize("value", ["plain", 'a "quote"', "a\\b", "ü", '["Host","a"]'])
def test_dimensions_of_any_text(site: Site, scope: Scope, value: str) -> None:
    metric = Metric("mine", "loss", (("Host", value), ("Zone", "z")))
    add(site, scope, Point(10.0, 1.0), metric=metric)
    add(site, scope, Point(10.0, 1.0), metric=Metric("mine", "loss", (("Other", f'["Host","{value}"]'),)))
    with site.database.read() as connection:
        found = metric_points.page(connection, scope, dimensions=[("Host", value)], since=0, limit=10)
    assert found == [metric]
