"""The probable cause of a difference: what is known to be another comes before what only looks like it."""

from __future__ import annotations

import pytest

from stepwell.machines.divergence import Facts, cause

SEED = {"seed": "7"}


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        (Facts(("a-1", "a-2"), "s3://b/k", "time", {}, 2, True), "library"),
        (Facts(("a", "a"), "s3://b/k", "time", {}, 2, True), "input"),
        (Facts(trace="time", runs=2, runs_differ=True), "time"),
        (Facts(trace="random id", seeds=SEED), "random id"),
        (Facts(runs=3, runs_differ=False), "outside"),
        (Facts(seeds=SEED, runs=3, runs_differ=False), "outside"),
        (Facts(runs=2, runs_differ=True), "missing seed"),
        (Facts(), "missing seed"),
        (Facts(seeds=SEED, runs=2, runs_differ=True), "nondeterminism"),
        (Facts(seeds=SEED), "unknown"),
    ],
)
def test_the_first_that_fits(facts: Facts, name: str) -> None:
    assert cause(facts).name == name


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (Facts(("a-1", "a-2")), "environment a-1, and this one is a-2"),
        (Facts(("", "a-2")), "environment of its image, and"),
        (Facts(differing_input="s3://b/k"), "it follows from s3://b/k"),
        (Facts(), "--audit 2"),
        (Facts(seeds=SEED, runs=4, runs_differ=True), "seed=7 does not fix (4 new runs differ"),
    ],
)
def test_what_is_said(facts: Facts, said: str) -> None:
    assert said in cause(facts).sentence


def test_advice_is_given_once() -> None:
    assert "--audit" not in cause(Facts(runs=2, runs_differ=True)).sentence
