"""How a peer's program and the benchmark take turns.

In: a function that runs the graph. Out: lines on standard output.

The program says "ready" once everything is imported and started, begins when a line comes, says "done", and stays (so
that the processor time of its processes can still be read) until the next line or the end of its input.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable


def take(run: Callable[[], None]) -> None:
    """Run once, when told to. What the peer prints by itself goes to standard error."""
    says = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for word, then in (("ready", run), ("done", None)):
        print(word, file=says, flush=True)
        sys.stdin.readline()
        if then:
            then()
