"""Room machines: what looks like a secret, and a bundle without it. In: a Bundle. Out: one that may be handed on.

A variable, hyperparameter or parameter is judged by its name; its value is then taken out wherever it stands.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

from stepwell.base.documents import Document
from stepwell.machines.bundle_documents import Bundle
from stepwell.machines.reproduction import NotedJob

SECRET_PLACES = ("HyperParameters", "Environment")
WITHHELD = "(withheld)"

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SECRET_WORDS = frozenset(
    {"secret", "password", "passwd", "passphrase", "token", "credential", "credentials", "apikey"}
)
_SECRET_PAIRS = frozenset({("api", "key"), ("access", "key"), ("private", "key"), ("auth", "key")})


def without_secrets(bundle: Bundle) -> Bundle:
    """The bundle without values that look like secrets, wherever they stand, and with the names of what was left
    out."""
    names: list[str] = []
    values: set[str] = set()
    for job in bundle.jobs:
        for place in SECRET_PLACES:
            given = {name: value for name, value in (job.request.get(place) or {}).items() if is_secret(name)}
            names += [f"{place}.{name} of {job.name}" for name in given]
            values.update(str(value) for value in given.values() if value)
    pipeline, package = bundle.pipeline, bundle.package
    if pipeline is not None:
        found = [name for name in pipeline["parameters"] if is_secret(name)]
        names += [f"parameter {name} of the pipeline" for name in found]
        values.update(str(pipeline["parameters"][name]) for name in found if pipeline["parameters"][name])
        tree = json.loads(pipeline["definition"])
        public = _scrubbed(tree, values)
        definition = pipeline["definition"] if public == tree else json.dumps(public)
        parameters = {name: value for name, value in pipeline["parameters"].items() if name not in found}
        pipeline = {**pipeline, "definition": definition, "parameters": _scrubbed(parameters, values)}
    if package is not None:
        package = replace(package, document=_scrubbed(package.document, values))
    jobs = tuple(_public(job, values) for job in bundle.jobs)
    return replace(bundle, jobs=jobs, pipeline=pipeline, package=package, withheld=tuple(names))


def public_request(job: NotedJob) -> Document:
    """What the job was given, without what looks like a secret."""
    return _public(job, set()).request


def _public(job: NotedJob, values: set[str]) -> NotedJob:
    return replace(job, request=_scrubbed(job.request, values), document=_scrubbed(job.document, values))


def _scrubbed(tree: Any, values: set[str]) -> Any:
    """The tree without members of secret names where such stand, and without these values."""
    match tree:
        case dict():
            return {
                name: _scrubbed(_named_openly(value) if name in SECRET_PLACES else value, values)
                for name, value in tree.items()
            }
        case list() | tuple():
            return [_scrubbed(each, values) for each in tree]
        case str() if tree in values:
            return WITHHELD
        case _:
            return tree


def _named_openly(tree: Any) -> Any:
    if not isinstance(tree, dict):
        return tree
    return {name: value for name, value in tree.items() if not is_secret(name)}


def is_secret(name: str) -> bool:
    """Whether a variable of that name is likely to hold what nobody else should know."""
    words = [word.lower() for word in _WORDS.findall(name)]
    return bool(_SECRET_WORDS.intersection(words)) or any(pair in _SECRET_PAIRS for pair in pairwise(words))
