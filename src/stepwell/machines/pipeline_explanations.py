"""Room machines: why a step ran, or why it did not have to. Pure; services/sagemaker/explanations reads the rows.

In: what the definition says of a step, how it ran, and how it ran earlier. Out: an Explanation: cache hit or miss,
the nearest earlier success, and the JSON pointers of what differs from it, for URIs also whether the bytes do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from stepwell.base.documents import Document
from stepwell.definition.caching import CacheConfig
from stepwell.definition.json_text import JSON
from stepwell.machines import pipeline_cache as cache
from stepwell.steps import cache_keys

Verdict: TypeAlias = Literal["hit", "miss", "reused", "not cached", "not cacheable", "not resolved", "not run"]
Content: TypeAlias = Literal["same", "changed", "unknown"]

_UNITS = ((86400.0, "days"), (3600.0, "h"), (60.0, "min"))


@dataclass(frozen=True, slots=True)
class Run:
    """How a step ran in one execution. Times are epoch seconds."""

    execution: str
    status: str
    started: float
    ended: float | None = None
    key: str | None = None
    """The cache key, if it really ran."""
    attributes: Document = field(default_factory=dict)
    source: str | None = None
    """The execution whose result it took."""
    is_reused: bool = False
    """It took it because a selective execution left it out."""


@dataclass(frozen=True, slots=True)
class Question:
    """A step, and all that is known of it. `run` None: it has not begun. `earlier` begins with the newest."""

    step: str
    type: str
    config: CacheConfig | None
    is_in_loop: bool
    run: Run | None
    earlier: Sequence[Run] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """One JSON pointer into the step's request (None: not there), and, of two S3 URIs, how their bytes compare."""

    pointer: str
    before: JSON
    after: JSON
    content: Content | None = None
    names_execution: bool = False
    """The new value holds the id of its execution, so no two runs agree."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier success that ran: which, how long ago and for how long, in seconds, and what differs from it."""

    execution: str
    ended: float
    age: float
    took: float
    differences: tuple[Difference, ...] = ()
    changed_data: tuple[str, ...] = ()
    """URIs that stayed while the bytes below them changed."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer for one step. `because` is a sentence for people."""

    step: str
    type: str
    status: str | None
    verdict: Verdict
    because: str
    earlier: Earlier | None = None


def explained(question: Question) -> Explanation:
    """Why the step ran, or why not."""
    run = question.run
    nearest = _nearest(question)
    verdict = _verdict(question)
    because = _because(question, verdict, nearest)
    is_told = verdict in ("hit", "reused", "miss") or (verdict == "not cached" and _is_equal(nearest))
    status = run.status if run is not None else None
    return Explanation(question.step, question.type, status, verdict, because, nearest if is_told else None)


def spoken(seconds: float) -> str:
    """A duration for people: 41 s, 12 min, 3.5 h, 40 days."""
    for length, unit in _UNITS:
        if seconds >= length:
            count = f"{seconds / length:.1f}".removesuffix(".0")
            return f"{count} {unit}" if (count, unit) != ("1", "days") else "1 day"
    return f"{seconds:.0f} s" if seconds >= 1 or seconds <= 0 else "less than 1 s"


def short(execution: str) -> str:
    """The id at the end of an execution's ARN."""
    return execution.rpartition("/")[2]


def _verdict(question: Question) -> Verdict:
    run, config = question.run, question.config
    if question.is_in_loop or not cache_keys.of(question.type):
        return "reused" if run is not None and run.is_reused else "not cacheable"
    if run is None:
        return "not run"
    if run.source is not None:
        return "reused" if run.is_reused else "hit"
    if config is None or not config.enabled:
        return "not cached"
    return "miss" if run.key is not None else "not resolved"


def _nearest(question: Question) -> Earlier | None:
    """The run whose result was taken; else of the successes that had ended, that with the fewest attributes other."""
    run = question.run
    if run is None:
        return None
    if run.source is not None:
        found = next((one for one in question.earlier if one.execution == run.source), None)
    else:
        ended = [one for one in question.earlier if _could_be_taken(one, run)]
        found = min(ended, key=lambda one: len(_differing(one, run)), default=None)
    return None if found is None else _compared(found, run)


def _could_be_taken(one: Run, run: Run) -> bool:
    is_success = one.status == "Succeeded" and one.key is not None
    return is_success and one.ended is not None and one.ended <= run.started


def _differing(one: Run, run: Run) -> list[str]:
    before, after = _deciding(one.attributes), _deciding(run.attributes)
    return [name for name in {**before, **after} if before.get(name) != after.get(name)]


def _compared(one: Run, run: Run) -> Earlier:
    before, after = _nested(_deciding(one.attributes)), _nested(_deciding(run.attributes))
    old, new = _digests(one), _digests(run)
    differences = tuple(
        _difference(pointer, _at(before, pointer), _at(after, pointer), one, run)
        for pointer in cache.differences(before, after)
    )
    changed = tuple(uri for uri in new if uri in old and old[uri] != new[uri])
    ended = one.ended if one.ended is not None else one.started
    return Earlier(one.execution, ended, run.started - ended, ended - one.started, differences, changed)


def _difference(pointer: str, before: JSON, after: JSON, one: Run, run: Run) -> Difference:
    content: Content | None = None
    old_uri, new_uri = cache.data_uri(before), cache.data_uri(after)
    if old_uri is not None and new_uri is not None:
        old, new = _digests(one).get(old_uri), _digests(run).get(new_uri)
        content = "unknown" if old is None or new is None else "same" if old == new else "changed"
    return Difference(pointer, before, after, content, short(run.execution) in str(after))


def _because(question: Question, verdict: Verdict, nearest: Earlier | None) -> str:
    match verdict:
        case "hit" | "reused":
            return _taken(question, verdict, nearest)
        case "miss":
            return _missed(question, nearest)
        case "not cached":
            said = "CacheConfig.Enabled is false" if question.config else "the step has no CacheConfig"
            if nearest is not None and _is_equal(nearest):
                said += f"; with one it could have taken the result of {short(nearest.execution)}"
            return said
        case "not cacheable":
            kind = "steps within a ForEach" if question.is_in_loop else f"{question.type} steps"
            effect = "; its CacheConfig has no effect" if question.config and question.config.enabled else ""
            return f"{kind} are never cached{effect}"
        case "not resolved":
            return "it failed before it was known what it would ask for"
        case "not run":
            return "it was not reached so far"


def _taken(question: Question, verdict: Verdict, nearest: Earlier | None) -> str:
    assert question.run is not None
    source = short(question.run.source or "")
    if verdict == "reused":
        return f"the selective execution took it over from {source}"
    if nearest is None:
        return f"took the result of {source}"
    said = f"took the result of {source}, which ran {spoken(nearest.took)} and ended {spoken(nearest.age)} before"
    if nearest.changed_data:
        said += "; its data has changed since"
    return said


def _missed(question: Question, nearest: Earlier | None) -> str:
    if nearest is None:
        begun = sum(1 for one in question.earlier if one.source is None)
        if not begun:
            return "there is no earlier run of it"
        return f"of {begun} earlier run{'s' if begun > 1 else ''} of it none had succeeded when it began"
    where = f"{short(nearest.execution)}, which ended {spoken(nearest.age)} before"
    if nearest.differences:
        count = len(nearest.differences)
        return f"{count} difference{'s' if count > 1 else ''} to the nearest earlier run, {where}"
    limit = question.config.expires_after if question.config else None
    if limit is not None and nearest.age > limit:
        return f"the equal run is too old: {where}; ExpireAfter is {spoken(limit)}"
    return f"the equal run was not written yet, or of another step type, when it began: {where}"


def _is_equal(nearest: Earlier | None) -> bool:
    return nearest is not None and not nearest.differences


def _deciding(attributes: Document) -> Document:
    return {name: value for name, value in attributes.items() if name != cache.DATA}


def _digests(run: Run) -> Mapping[str, str]:
    found: Mapping[str, str] = run.attributes.get(cache.DATA, {})
    return found


def _nested(attributes: Document) -> dict[str, JSON]:
    """The attributes as the request has them: dotted names are paths into it."""
    found: dict[str, JSON] = {}
    for path, value in attributes.items():
        *parents, last = path.split(".")
        place = found
        for parent in parents:
            inner = place.setdefault(parent, {})
            assert isinstance(inner, dict)
            place = inner
        place[last] = value
    return found


def _at(document: JSON, pointer: str) -> JSON:
    """What stands at the pointer; None: nothing."""
    for escaped in pointer.split("/")[1:]:
        name = escaped.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict):
            document = document.get(name)
        elif isinstance(document, list):
            document = document[int(name)] if int(name) < len(document) else None
        else:
            return None
    return document
