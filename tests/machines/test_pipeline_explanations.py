"""Room machines, pipeline_explanations: the truth table of why a step ran."""

from __future__ import annotations

from typing import Any

import pytest

from stepwell.definition.caching import CacheConfig
from stepwell.machines import pipeline_cache as cache
from stepwell.machines.pipeline_explanations import Explanation, Question, Run, explained, spoken
from stepwell.steps import cache_keys

NOW = 1_000_000.0
DAY = 86400.0
ON, OFF = CacheConfig(True, int(DAY)), CacheConfig(False)


def arn(execution: str) -> str:
    return f"arn:aws:sagemaker:us-east-1:123456789012:pipeline/p/execution/{execution}"


def ran(
    execution: str, ago: float, *, status: str = "Succeeded", data: dict[str, str] | None = None, **request: Any
) -> Run:
    """A run of ten seconds that ended `ago` seconds before NOW."""
    attributes = cache.attributes(request, cache_keys.of("Training"))
    key = cache.digest("p", "Step", "Training", attributes)
    if data is not None:
        attributes[cache.DATA] = data
    return Run(arn(execution), status, NOW - ago - 10, NOW - ago, key, attributes)


def begun(data: dict[str, str] | None = None, **request: Any) -> Run:
    """The run that is asked about: it begins NOW."""
    made = ran("now", -10, status="Executing", data=data, **request)
    return Run(made.execution, made.status, NOW, None, made.key, made.attributes)


def taking(source: str, *, is_reused: bool = False, data: dict[str, str] | None = None, **request: Any) -> Run:
    run = begun(data, **request)
    return Run(run.execution, "Succeeded", NOW, NOW, None, run.attributes, arn(source), is_reused)


def asked(
    run: Run | None, *earlier: Run, config: CacheConfig | None = ON, type_: str = "Training", loop: bool = False
) -> Explanation:
    return explained(Question("Step", type_, config, loop, run, earlier))


@pytest.mark.parametrize(
    ("answer", "verdict", "because"),
    [
        (asked(None), "not run", "it was not reached so far"),
        (asked(None, type_="Fail", config=None), "not cacheable", "Fail steps are never cached"),
        (
            asked(begun(), type_="Model"),
            "not cacheable",
            "Model steps are never cached; its CacheConfig has no effect",
        ),
        (
            asked(begun(), loop=True, config=OFF),
            "not cacheable",
            "steps within a ForEach are never cached",
        ),
        (asked(begun(), config=None), "not cached", "the step has no CacheConfig"),
        (asked(begun(), config=OFF), "not cached", "CacheConfig.Enabled is false"),
        (
            asked(begun(), ran("a", 5), config=None),
            "not cached",
            "the step has no CacheConfig; with one it could have taken the result of a",
        ),
        (
            asked(begun(Environment={"A": "1"}), ran("a", 5), config=None),
            "not cached",
            "the step has no CacheConfig",
        ),
        (
            asked(Run(arn("now"), "Failed", NOW, NOW)),
            "not resolved",
            "it failed before it was known what it would ask for",
        ),
        (
            asked(taking("a"), ran("a", 3600)),
            "hit",
            "took the result of a, which ran 10 s and ended 1 h before",
        ),
        (asked(taking("gone")), "hit", "took the result of gone"),
        (asked(taking("a", is_reused=True)), "reused", "the selective execution took it over from a"),
        (
            asked(taking("a", is_reused=True), type_="Model"),
            "reused",
            "the selective execution took it over from a",
        ),
        (asked(begun()), "miss", "there is no earlier run of it"),
        (
            asked(begun(), ran("a", 5, status="Failed"), ran("b", 9, status="Stopped")),
            "miss",
            "of 2 earlier runs of it none had succeeded when it began",
        ),
        (
            asked(begun(), ran("a", -5)),
            "miss",
            "of 1 earlier run of it none had succeeded when it began",
        ),
        (
            asked(begun(), ran("a", 2 * DAY)),
            "miss",
            "the equal run is too old: a, which ended 2 days before; ExpireAfter is 1 day",
        ),
        (
            asked(begun(), ran("a", 0)),
            "miss",
            "the equal run was not written yet, or of another step type, when it began: a, which ended 0 s before",
        ),
        (
            asked(begun(Environment={"A": "1", "B": "2"}), ran("a", 60)),
            "miss",
            "1 difference to the nearest earlier run, a, which ended 1 min before",
        ),
    ],
)
def test_verdicts(answer: Explanation, verdict: str, because: str) -> None:
    assert (answer.verdict, answer.because) == (verdict, because)


def test_the_nearest_run_has_the_fewest_other_attributes_and_is_the_newest_of_them() -> None:
    same = {"Environment": {"A": "1"}, "HyperParameters": {"depth": "5"}}
    answer = asked(
        begun(**same),
        ran("newest", 10, Environment={"A": "2"}, HyperParameters={"depth": "6"}),
        ran("failed", 20, status="Failed", **same),
        ran("newer", 30, Environment={"A": "1"}, HyperParameters={"depth": "6"}),
        ran("older", 40, Environment={"A": "1"}, HyperParameters={"depth": "7"}),
    )
    assert answer.earlier is not None
    assert answer.earlier.execution == arn("newer")
    assert [(each.pointer, each.before, each.after) for each in answer.earlier.differences] == [
        ("/HyperParameters/depth", "6", "5")
    ]


@pytest.mark.parametrize(
    ("old", "new", "content"),
    [
        ({"s3://b/1": "x"}, {"s3://b/2": "x"}, "same"),
        ({"s3://b/1": "x"}, {"s3://b/2": "y"}, "changed"),
        (None, {"s3://b/2": "x"}, "unknown"),
        ({"s3://b/1": "x"}, {}, "unknown"),
    ],
)
@pytest.mark.parametrize("quote", ["", '"'])
def test_what_lies_under_a_changed_uri(
    old: dict[str, str] | None, new: dict[str, str], content: str, quote: str
) -> None:
    code = "sagemaker_submit_directory"
    answer = asked(
        begun(new, HyperParameters={code: f"{quote}s3://b/2{quote}"}),
        ran("a", 5, data=old, HyperParameters={code: f"{quote}s3://b/1{quote}"}),
    )
    assert answer.earlier is not None
    (difference,) = answer.earlier.differences
    assert (difference.pointer, difference.content) == (f"/HyperParameters/{code}", content)


def test_data_that_changed_under_its_uri() -> None:
    channel: dict[str, Any] = {"InputDataConfig": [{"DataSource": {"S3DataSource": {"S3Uri": "s3://b/1"}}}]}
    answer = asked(taking("a", data={"s3://b/1": "y"}, **channel), ran("a", 5, data={"s3://b/1": "x"}, **channel))
    assert answer.earlier is not None
    assert answer.earlier.changed_data == ("s3://b/1",)
    assert answer.because.endswith("; its data has changed since")


def test_which_uris_are_data() -> None:
    key = {
        "HyperParameters": {"code": '"s3://b/code"', "half": '"s3://b/no', "empty": "", "quote": '"'},
        "InputDataConfig": ["s3://b/data"],
        "CheckpointConfig": {"S3Uri": "s3://b/checkpoints"},
        "DebugHookConfig": {"S3OutputPath": "s3://b/tensors"},
    }
    assert cache.data_uris(key) == ["s3://b/code", "s3://b/data"]


def test_what_took_a_result_is_no_earlier_success() -> None:
    took = taking("old")
    answer = asked(begun(), Run(arn("b"), "Succeeded", NOW - 9, NOW - 5, None, took.attributes, arn("old")))
    assert (answer.earlier, answer.because) == (None, "there is no earlier run of it")


def test_what_names_its_own_execution_never_agrees() -> None:
    answer = asked(begun(Environment={"A": "s-now"}), ran("a", 5, Environment={"A": "s-a"}))
    assert answer.earlier is not None
    assert answer.earlier.differences[0].names_execution
    assert not asked(begun(Environment={"A": "x"}), ran("a", 5)).earlier.differences[0].names_execution  # type: ignore[union-attr]


def test_attributes_of_inner_members_are_shown_where_they_stand() -> None:
    def tuned(execution: str, objective: str) -> Run:
        request = {"TrainingJobDefinition": {"TuningObjective": {"a/b": objective}}}
        return Run(arn(execution), "Succeeded", NOW, NOW, "k", cache.attributes(request, cache_keys.of("Tuning")))

    answer = asked(tuned("now", "x"), tuned("a", "y"), type_="Tuning")
    assert answer.earlier is not None
    (difference,) = answer.earlier.differences
    assert (difference.pointer, difference.before, difference.after) == (
        "/TrainingJobDefinition/TuningObjective/a~1b",
        "y",
        "x",
    )


def test_elements_that_came_and_went() -> None:
    one, two = {"ChannelName": "1"}, {"ChannelName": "2"}
    grown = asked(begun(InputDataConfig=[one, two]), ran("a", 5, InputDataConfig=[one])).earlier
    shrunk = asked(begun(InputDataConfig=[one]), ran("a", 5, InputDataConfig=[one, two])).earlier
    assert grown is not None
    assert shrunk is not None
    assert [(d.pointer, d.before, d.after) for d in grown.differences] == [("/InputDataConfig/1", None, two)]
    assert [(d.pointer, d.before, d.after) for d in shrunk.differences] == [("/InputDataConfig/1", two, None)]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (0.2, "less than 1 s"),
        (41.0, "41 s"),
        (720.0, "12 min"),
        (12600.0, "3.5 h"),
        (DAY, "1 day"),
        (40 * DAY, "40 days"),
        (3650 * DAY, "3650 days"),
    ],
)
def test_durations_for_people(seconds: float, text: str) -> None:
    assert spoken(seconds) == text
