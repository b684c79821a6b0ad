"""Room images, inside the container: hyperparameters of the built-in algorithms. In: hyperparameters.json, all texts,
and the algorithm's table. Out: typed values, or `UserError` in AWS's words as far as they are public. Pure.

"No value(s) were specified for … which are required hyperparameter(s)" and "Hyperparameter must be valid json" are
what AWS's containers say (github.com/kubeflow/pipelines/issues/1370, aws/sagemaker-python-sdk/issues/132 and 889);
the other texts are ours in the same manner.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

_IGNORED = ("_tuning_objective_metric", "force_dense")
"""What the service or the SDK adds and no program of ours needs; so are all that begin with an underscore."""


class UserError(Exception):
    """The user can prevent this. The text is the failure, without the `ClientError: ` before it."""


@dataclass(frozen=True)
class Parameter:
    """One hyperparameter: how its text is read (ValueError when it cannot be), what it expects, its default."""

    read: Callable[[str], Any]
    expects: str
    default: Any = None
    required: bool = False


def integer(low: int, high: int | None = None, default: Any = None, *, required: bool = False) -> Parameter:
    """A whole number from `low` to `high`."""

    def read(text: str) -> int:
        value = int(text)
        if value < low or (high is not None and value > high):
            raise ValueError(text)
        return value

    end = f" and at most {high}" if high is not None else ""
    return Parameter(read, f"an integer that is at least {low}{end}", default, required)


def number(
    low: float = -math.inf,
    high: float = math.inf,
    default: Any = None,
    *,
    low_open: bool = False,
    high_open: bool = False,
) -> Parameter:
    """A number; an open end is not part of the range."""

    def read(text: str) -> float:
        value = float(text)
        below = value <= low if low_open else value < low
        above = value >= high if high_open else value > high
        if below or above or not math.isfinite(value):
            raise ValueError(text)
        return value

    shown = f"{'(' if low_open else '['}{low:g}, {high:g}{')' if high_open else ']'}"
    return Parameter(read, f"a number in {shown}", default)


def one_of(*values: str, default: str | None = None, required: bool = False) -> Parameter:
    """One of these texts."""

    def read(text: str) -> str:
        if text not in values:
            raise ValueError(text)
        return text

    return Parameter(read, " or ".join(f"'{each}'" for each in values), default, required)


def boolean(default: Any = None) -> Parameter:
    """true or false, as the SDK writes them too: True, False."""

    def read(text: str) -> bool:
        return {"true": True, "false": False, "1": True, "0": False}[text.lower()]

    return Parameter(read, "'true' or 'false'", default)


def some_of(*values: str, default: tuple[str, ...] = ()) -> Parameter:
    """A JSON list of these texts; all unless there is a default."""

    def read(text: str) -> list[str]:
        found = json.loads(text)
        named = [found] if isinstance(found, str) else found
        if not isinstance(named, list) or not named or not set(map(str, named)) <= set(values):
            raise ValueError(text)
        return [str(each) for each in named]

    return Parameter(read, f"a JSON list of {', '.join(values)}", list(default or values))


def or_word(word: str, parameter: Parameter) -> Parameter:
    """The same, or the text `word`, which is the default if there is no other."""

    def read(text: str) -> Any:
        return word if text == word else parameter.read(text)

    default = word if parameter.default is None else parameter.default
    return replace(parameter, read=read, expects=f"'{word}' or {parameter.expects}", default=default)


def or_auto(parameter: Parameter) -> Parameter:
    """The same, or `auto`."""
    return or_word("auto", parameter)


def validated(texts: Mapping[str, str], parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """The values of `texts`, with defaults. Raises UserError for the first thing that is wrong."""
    missing = [name for name, each in parameters.items() if each.required and name not in texts]
    if missing:
        listed = ", ".join(f"'{name}'" for name in missing)
        raise UserError(
            f"No value(s) were specified for {listed} which are required hyperparameter(s)"
            " (caused by ValidationError)"
        )
    values = {name: each.default for name, each in parameters.items()}
    for name, text in texts.items():
        if name in parameters:
            values[name] = _value(name, text, parameters[name])
        elif not name.startswith("_") and name not in _IGNORED:
            raise UserError(
                f"Additional hyperparameters are not allowed ('{name}' was unexpected) (caused by ValidationError)"
            )
    return values


def _value(name: str, text: str, parameter: Parameter) -> Any:
    try:
        return parameter.read(text)
    except json.JSONDecodeError as error:
        raise UserError(
            f"Hyperparameter must be valid json, but found {name}: {text} (caused by ValueError)"
        ) from error
    except (ValueError, KeyError) as error:
        raise UserError(
            f"The value '{text[:100]}' is not valid for the '{name}' hyperparameter which expects {parameter.expects}"
            " (caused by ValidationError)"
        ) from error
