"""Images whose names anybody may use are AWS's in AWS's registries only, in every region; others are anywhere."""

from __future__ import annotations

import pytest

from stepwell.images import accounts, catalog, uris
from stepwell.images.catalog import UnknownImage

KNOWN = catalog.load(None)
SUFFIX = {"cn-north-1": ".cn", "cn-northwest-1": ".cn"}
ALGORITHMS = ("linear-learner", "kmeans", "pca", "randomcutforest", "knn")
REGIONS = sorted(accounts.groups()["algorithms"].items())


def registry(region: str, account: str) -> str:
    return f"{account}.dkr.ecr.{region}.amazonaws.com{SUFFIX.get(region, '')}"


@pytest.mark.parametrize(("region", "account"), REGIONS)
def test_the_algorithms_of_every_region_are_known(region: str, account: str) -> None:
    for name in ALGORITHMS:
        assert KNOWN.resolve(f"{registry(region, account)}/{name}:1").entry == name


@pytest.mark.parametrize(("region", "account"), sorted(accounts.groups()["first-xgboost"].items()))
def test_the_first_xgboost_of_every_region_is_known(region: str, account: str) -> None:
    assert KNOWN.resolve(f"{registry(region, account)}/xgboost:1").entry == "xgboost"


def test_there_are_as_many_regions_as_the_sdk_has() -> None:
    assert {name: len(table) for name, table in accounts.groups().items()} == {"algorithms": 37, "first-xgboost": 33}


@pytest.mark.parametrize("name", [*ALGORITHMS, "xgboost", "ntm"])
@pytest.mark.parametrize("place", ["111122223333.dkr.ecr.us-east-1.amazonaws.com", "localhost:5000", "ghcr.io"])
def test_an_image_of_the_same_name_elsewhere_is_somebody_elses(name: str, place: str) -> None:
    with pytest.raises(UnknownImage, match="its registry is not one of those AWS keeps that in"):
        KNOWN.resolve(f"{place}/{name}:1")


def test_an_image_named_for_short_is_the_algorithm() -> None:
    assert KNOWN.resolve("kmeans:1").entry == "kmeans"


@pytest.mark.parametrize("host", ["dkr.ecr-fips.us-east-1.amazonaws.com", "dkr.ecr.us-east-1.localhost:4566"])
def test_the_account_counts_whatever_the_domain_is(host: str) -> None:
    reference = uris.parse(f"382416733822.{host}/pca:1")
    assert reference is not None
    assert accounts.is_in(reference, "algorithms")
