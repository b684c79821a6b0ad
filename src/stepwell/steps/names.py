"""Room steps: the names of what steps make.

In: the execution, the step, the attempt. Out: always the same name for the same three, so that creating twice
is creating once. The form is AWS's: pipelines-<execution id>-<step>-<ten characters>. Spec 02, section 1.
"""

from __future__ import annotations

import re

from stepwell.base import ids

STEP_CHARACTERS = 20
"""How much of a step's name AWS keeps."""
SHORT_STEP_CHARACTERS = 7
"""The same for nouns whose names are at most 32 characters long: tuning and AutoML jobs."""
LONG = 63
SUFFIX_CHARACTERS = 10


def job_name(execution_arn: str, step: str, attempt: int, prefix: str | None = None, length: int = LONG) -> str:
    """The name of what `step` makes at its `attempt` (1 is the first).

    `prefix` is the name in the step's arguments, if there is one (use_custom_job_prefix of the SDK). Nouns with a
    `length` below 63 get AWS's shorter form, without "pipelines-" and with less of the step.
    """
    execution_id = execution_arn.rpartition("/")[2]
    suffix = ids.derived(SUFFIX_CHARACTERS, execution_arn, step, str(attempt))
    if prefix is not None:
        return f"{_cut(prefix, length - len(execution_id) - SUFFIX_CHARACTERS - 2)}-{execution_id}-{suffix}"
    if length >= LONG:
        return f"pipelines-{execution_id}-{_legal(step)[:STEP_CHARACTERS]}-{suffix}"
    return f"{execution_id}-{_legal(step)[:SHORT_STEP_CHARACTERS]}-{suffix}"


def client_token(execution_arn: str, step: str, attempt: int) -> str:
    """For creations that take no name: the token that makes repeating them safe."""
    return ids.derived(36, execution_arn, step, str(attempt), "ClientToken")


def _cut(prefix: str, room: int) -> str:
    return prefix[: max(room, 1)]


def _legal(step: str) -> str:
    """Step names may hold underscores; job names may not."""
    return re.sub(r"[^A-Za-z0-9-]", "-", step)
