"""Which jobs wrote an object."""

from __future__ import annotations

import pytest

from stepwell.services.registry import Site
from stepwell.store import job_manifests, job_writers
from stepwell.store.job_manifests import Piece


def piece(bucket: str, key: str) -> Piece:
    return Piece("model", bucket, key, 1, f"blob of {key}")


@pytest.fixture
def written(site: Site) -> Site:
    """Three jobs, one of which wrote nothing."""
    with site.database.write() as transaction:
        for job, outputs in (
            ("one", [piece("b", "m/model"), piece("b", 'odd "ü" key')]),
            ("two", [piece("b", "m/model"), piece("c", "m/model"), piece("b", "m/models/x")]),
            ("none", []),
        ):
            job_manifests.begin(transaction, job, "", [piece("b", "m/read")])
            job_manifests.end(transaction, job, outputs)
    return site


@pytest.mark.parametrize(
    ("places", "found"),
    [
        ([("b", "m/model")], ["one m/model", "two m/model"]),
        ([("c", "m/model"), ("b", 'odd "ü" key')], ['one odd "ü" key', "two m/model"]),
        ([("b", "m/read")], []),
        ([], []),
    ],
)
def test_who_wrote_an_object(written: Site, places: list[tuple[str, str]], found: list[str]) -> None:
    with written.database.read() as connection:
        writers = [f"{job} {each.key}" for job, each in job_writers.of_objects(connection, places)]
    assert sorted(writers) == sorted(found)


@pytest.mark.parametrize(
    ("bucket", "prefix", "found"),
    [
        ("b", "m/model", ["one", "two"]),
        ("b", "m", ["one", "two", "two"]),
        ("b", "m/", ["one", "two", "two"]),
        ("b", "m/models", ["two"]),
        ("b", 'odd "ü" key', ["one"]),
        ("b", "", ["one", "one", "two", "two"]),
        ("b", "m/mod", []),
        ("d", "m", []),
    ],
)
def test_who_wrote_in_a_folder(written: Site, bucket: str, prefix: str, found: list[str]) -> None:
    with written.database.read() as connection:
        assert sorted(job for job, _ in job_writers.below(connection, bucket, prefix)) == found
