"""Distributed training of a user's script, by the signature that AWS's container has (distributed.py of
aws/sagemaker-xgboost-container)."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from . import program


def rabit_run(
    exec_fun: Callable[..., Any],
    args: dict[str, Any],
    include_in_training: bool,
    hosts: Sequence[str],
    current_host: str,
    first_port: int | None = None,  # noqa: ARG001 -- the signature is AWS's
    second_port: int | None = None,  # noqa: ARG001
    max_connect_attempts: int | None = None,  # noqa: ARG001
    connect_retry_timeout: int = 10,  # noqa: ARG001
    update_rabit_args: bool = False,
) -> None:
    """Call `exec_fun(**args)` on every host that takes part, as workers of one training; with `update_rabit_args` it
    gets `is_master` as well. A host that does not take part ends here, with exit code 0.

    Ports and attempts are without effect: hosts find each other here, and wait for each other.
    """
    meeting, ring = program("meeting"), program("xgboost_ring")
    names = tuple(sorted(hosts, key=lambda name: (len(name), name)))
    if len(names) == 1:
        exec_fun(**{**args, **({"is_master": True} if update_rabit_args else {})})
        return
    job = os.environ.get("TRAINING_JOB_NAME", "")
    with ring.joined(meeting.Hosts(job, names, current_host), include_in_training) as joined:
        if joined is not None:
            exec_fun(**{**args, **({"is_master": joined.is_master} if update_rabit_args else {})})
    if joined is None:
        logging.warning("Host %s not being used for distributed training.", current_host)
        sys.exit(0)
