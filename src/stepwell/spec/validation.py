"""Room spec: a request's parameters against the operation's input shape.

In: an operation and a document, as a client or a room of ours gave it. Out: the same document without unknown
and null members, times as epoch seconds; or one Fault that names every violated constraint in AWS's words
(spec 06, section 2). Each shape is compiled once into a closure: a request costs only the members it has.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping
from typing import TypeAlias

from stepwell.base import times
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.spec import wording
from stepwell.spec.models import OperationModel, Shape
from stepwell.spec.patterns import compiled, is_flat

Place: TypeAlias = "tuple[Place, str] | None"
"""Where in the document we are, innermost last; joined to a path only when something is wrong there."""

LONGEST_UNBOUNDED = 4096
"""Characters of a text whose shape has a pattern and no bound; longer than any name, ARN or path AWS makes."""

Checker: TypeAlias = Callable[[object, Place, list[str]], object]
"""Returns the cleaned value; adds what is violated to the list. Raises WrongTypeError."""


class WrongTypeError(Exception):
    """A JSON value that cannot be read as the shape that belongs there; AWS stops at the first one."""

    def __init__(self, problem: str, place: Place) -> None:
        super().__init__(problem)
        self.problem = problem
        self.path = path_text(place)


def check(operation: OperationModel, params: Document) -> Document:
    """`params` cleaned: unknown and null members dropped at every level, times as epoch seconds.

    Raises one Fault that lists every violation, or says where a value has the wrong type.
    """
    shape = operation.input_shape
    if shape is None:
        return {}
    found: list[str] = []
    try:
        cleaned = checker(shape)(params, None, found)
    except WrongTypeError as wrong:
        raise wording.wrong_type(operation, wrong.problem, wrong.path) from None
    if found:
        raise wording.violated(operation, params, found)
    assert isinstance(cleaned, dict)
    return cleaned


def violations(shape: Shape, params: object) -> list[str]:
    """Each violated constraint of `params`, in AWS's words. Raises Fault on a value of the wrong type."""
    found: list[str] = []
    try:
        checker(shape)(params, None, found)
    except WrongTypeError as wrong:
        raise Fault("SerializationException", wording.located(wrong.problem, wrong.path)) from None
    return found


def checker(shape: Shape) -> Checker:
    """The compiled check of `shape`, made on first use and kept with it."""
    found = _checkers.get(shape)
    if found is None:
        found = _checkers.setdefault(shape, _COMPILERS[shape.kind](shape))
    return found


_checkers: dict[Shape, Checker] = {}


def path_text(place: Place) -> str:
    """The path as AWS prints it: `tags.1.member.key`."""
    parts: list[str] = []
    while place is not None:
        place, part = place
        parts.append(part)
    return ".".join(reversed(parts))


def _violation(value: object, place: Place, shape: Shape, constraint: str) -> str:
    shown = "" if shape.traits.get("sensitive") else f" {wording.shown(value)}"
    return f"Value{shown} at '{path_text(place)}' failed to satisfy constraint: {constraint}"


def _structure(shape: Shape) -> Checker:
    rows = [
        (name, wording.lower_camel(name), member.shape, name in shape.required)
        for name, member in shape.members.items()
    ]
    rules: dict[str, tuple[str, Shape]] = {name: (label, target) for name, label, target, _ in rows}
    required = [(name, label, target) for name, label, target, needed in rows if needed]

    def check_structure(value: object, place: Place, found: list[str]) -> object:
        if not isinstance(value, Mapping):
            raise WrongTypeError(wording.not_a(value, "structure"), place)
        for name, label, target in required:
            if value.get(name) is None:
                found.append(_violation(None, (place, label), target, "Member must not be null"))
        cleaned: Document = {}
        for name, member_value in value.items():
            rule = rules.get(name)
            if rule is not None and member_value is not None:
                label, target = rule
                cleaned[name] = (_checkers.get(target) or checker(target))(member_value, (place, label), found)
        return cleaned

    return check_structure


def _list(shape: Shape) -> Checker:
    element = shape.element.shape
    sized = _sized(shape)

    def check_list(value: object, place: Place, found: list[str]) -> object:
        if not isinstance(value, list | tuple):
            raise WrongTypeError(wording.not_a(value, "list"), place)
        kept = [item for item in value if item is not None]
        if sized:
            sized(kept, place, found)
        inner = checker(element)
        if not element.is_scalar:
            return [inner(item, ((place, str(number)), "member"), found) for number, item in enumerate(kept, 1)]
        broken: list[str] = []
        cleaned = [inner(item, (place, str(number)), broken) for number, item in enumerate(kept, 1)]
        if broken:
            every = f"Member must satisfy constraint: [{', '.join(constraints(element))}]"
            found.append(_violation(value, place, _sensitive_of(shape, element), every))
        return cleaned

    return check_list


def _map(shape: Shape) -> Checker:
    key, target = shape.key.shape, shape.value.shape
    sized = _sized(shape)

    def check_map(value: object, place: Place, found: list[str]) -> object:
        if not isinstance(value, Mapping):
            raise WrongTypeError(wording.not_a(value, "map"), place)
        kept = {name: item for name, item in value.items() if item is not None}
        if sized:
            sized(kept, place, found)
        broken_keys: list[str] = []
        broken_values: list[str] = []
        check_key, check_value = checker(key), checker(target)
        cleaned: Document = {}
        for name, item in kept.items():
            check_key(name, (place, name), broken_keys)
            inner = broken_values if target.is_scalar else found
            below = (place, name) if target.kind == "structure" else ((place, name), "member")
            cleaned[name] = check_value(item, below, inner)
        if broken_keys:
            every = f"Map keys must satisfy constraint: [{', '.join(constraints(key))}]"
            found.append(_violation(value, place, _sensitive_of(shape, key), every))
        if broken_values:
            every = f"Map value must satisfy constraint: [{', '.join(constraints(target))}]"
            found.append(_violation(value, place, _sensitive_of(shape, target), every))
        return cleaned

    return check_map


def _string(shape: Shape) -> Checker:
    sized = _sized(shape)
    allowed = frozenset(shape.enum)
    pattern = compiled(shape.traits["pattern"]) if shape.traits.get("pattern") else None
    longest = longest_matched(shape)

    def check_string(value: object, place: Place, found: list[str]) -> object:
        if not isinstance(value, str):
            raise WrongTypeError(wording.cannot_convert(value, "String"), place)
        # Length first: an over-long text is never shown to the pattern.
        if sized and not sized(value, place, found):
            return value
        if allowed and value not in allowed:
            found.append(_violation(value, place, shape, wording.enum(shape.enum)))
        if pattern is None:
            return value
        if longest is not None and len(value) > longest:
            found.append(_violation(value, place, shape, wording.length_at_most(longest)))
        elif not pattern.match(value):
            found.append(_violation(value, place, shape, wording.pattern(shape.traits["pattern"])))
        return value

    return check_string


def longest_matched(shape: Shape) -> int | None:
    """The longest text that is compared with the shape's pattern; None: any that the model's own bound lets through.

    Where a model states a pattern and no bound, matching could take a time that grows with a power of the length.
    """
    if "max" in shape.traits or is_flat(shape.traits.get("pattern") or ""):
        return None
    return LONGEST_UNBOUNDED


def _number(name: str, whole: bool) -> Callable[[Shape], Checker]:
    def compile_number(shape: Shape) -> Checker:
        low, high = shape.traits.get("min"), shape.traits.get("max")

        def check_number(value: object, place: Place, found: list[str]) -> object:
            number = _read_number(value, name, whole, place)
            if low is not None and number < low:
                found.append(_violation(number, place, shape, wording.at_least(low)))
            if high is not None and number > high:
                found.append(_violation(number, place, shape, wording.at_most(high)))
            return number

        return check_number

    return compile_number


def _read_number(value: object, name: str, whole: bool, place: Place) -> int | float:
    if value in ("NaN", "Infinity", "-Infinity") and not whole:
        return float(str(value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WrongTypeError(wording.cannot_convert(value, name), place)
    if not whole:
        return value
    # AWS's parser truncates 3.0 (and 3.5) to 3 where a whole number belongs.
    if not math.isfinite(value):
        raise WrongTypeError(wording.cannot_convert(value, name), place)
    return int(value)


def _boolean(_: Shape) -> Checker:
    def check_boolean(value: object, place: Place, _: list[str]) -> object:
        if not isinstance(value, bool):
            raise WrongTypeError(wording.cannot_convert(value, "Boolean"), place)
        return value

    return check_boolean


def _timestamp(_: Shape) -> Checker:
    def check_timestamp(value: object, place: Place, _: list[str]) -> object:
        if isinstance(value, str):
            try:
                return times.parse_iso(value)
            except ValueError:
                raise WrongTypeError(wording.cannot_convert(value, "Timestamp"), place) from None
        if isinstance(value, bool) or not isinstance(value, int | float) or not _is_moment(value):
            raise WrongTypeError(wording.cannot_convert(value, "Timestamp"), place)
        return float(value)

    return check_timestamp


def _is_moment(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


def _blob(shape: Shape) -> Checker:
    sized = _sized(shape)

    def check_blob(value: object, place: Place, found: list[str]) -> object:
        if hasattr(value, "read"):
            return value
        if isinstance(value, str):
            try:
                value = base64.b64decode(value, validate=True)
            except (binascii.Error, ValueError):
                raise WrongTypeError(wording.cannot_convert(value, "Blob"), place) from None
        if not isinstance(value, bytes | bytearray | memoryview):
            raise WrongTypeError(wording.cannot_convert(value, "Blob"), place)
        if sized:
            sized(value, place, found)
        return value

    return check_blob


def _sized(shape: Shape) -> Callable[[object, Place, list[str]], bool] | None:
    """A check of length, or None when the model states no bound worth checking."""
    low: int = shape.traits.get("min", 0)
    high: int | None = shape.traits.get("max")
    if not low and high is None:
        return None

    def check_size(value: object, place: Place, found: list[str]) -> bool:
        length = len(value)  # type: ignore[arg-type]  # str, bytes, list or dict by construction
        if high is not None and length > high:
            found.append(_violation(value, place, shape, wording.length_at_most(high)))
        elif length < low:
            found.append(_violation(value, place, shape, wording.length_at_least(low)))
        else:
            return True
        return False

    return check_size


def constraints(shape: Shape) -> list[str]:
    """Every constraint a scalar shape states, in the order AWS prints them for members of lists and maps."""
    traits = shape.traits
    stated: list[str] = []
    if shape.kind in ("integer", "long", "float", "double"):
        stated += [wording.at_most(traits["max"])] if "max" in traits else []
        stated += [wording.at_least(traits["min"])] if "min" in traits else []
        return stated
    stated += [wording.length_at_most(traits["max"])] if "max" in traits else []
    stated += [wording.length_at_least(traits["min"])] if "min" in traits else []
    stated += [wording.enum(shape.enum)] if shape.enum else []
    stated += [wording.pattern(traits["pattern"])] if traits.get("pattern") else []
    return stated


def _sensitive_of(whole: Shape, part: Shape) -> Shape:
    """The shape that decides whether a value may be shown: a list of secrets is as secret as they are."""
    return part if part.traits.get("sensitive") else whole


_COMPILERS: Mapping[str, Callable[[Shape], Checker]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "character": _string,
    "integer": _number("Integer", whole=True),
    "long": _number("Long", whole=True),
    "float": _number("Float", whole=False),
    "double": _number("Double", whole=False),
    "boolean": _boolean,
    "timestamp": _timestamp,
    "blob": _blob,
}
