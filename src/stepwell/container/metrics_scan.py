"""A program on its own (standard library only): searches job logs for metrics. Its other end is `metric_scanner.py`.

In, a line of JSON for each request: {"log": path, "from": byte, "bytes": most to read, "points": most to find,
"seconds": of processor time, "patterns": [[name, pattern, text that is in every match]]}. Out, a line of JSON each:
{"to": byte, "found": [[name, epoch milliseconds, value]], "dropped": [[name, reason]]}. It ends with its input.

The patterns are the client's, and matching a bad one can take for ever. The interpreter looks at signals while it
matches, so a timer of processor time ends it; the pattern is dropped and the others go on.
"""

from __future__ import annotations

import json
import math
import os
import re
import resource
import signal
import sys
import time

LINE_LIMIT = 4096
"""Of longer lines only the beginning is looked at: what a pattern costs may grow with the square of the length."""
PATTERN_SECONDS = 0.1
"""Processor time one pattern may take with one line; an honest one takes microseconds."""
MEMORY = 1 << 30
NICENESS = 5
ASK_EVERY = 64
"""Lines between two looks at the clock."""
MOST_COMPILED = 4096

TOO_SLOW = f"it took more than {PATTERN_SECONDS} s with one line"
NO_GROUP = "it has no group in parentheses, which would be the value"

Pattern = tuple[str, "re.Pattern[str]", bytes]
"""Name, expression, and what is in every text that it matches."""


class TooSlowError(Exception):
    """A pattern has used up its time."""


def main() -> None:
    """Answer requests until there are no more."""
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGVTALRM, interrupt)
    for line in sys.stdin.buffer:
        request = json.loads(line)
        found: list[tuple[str, int, float]] = []
        patterns, dropped = compiled(request["patterns"])
        block = whole_lines(request["log"], request["from"], request["bytes"])
        searched = search(block, patterns, request["points"], request["seconds"], found, dropped)
        answer = {"to": request["from"] + searched, "found": found, "dropped": dropped}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def compiled(definitions: list[list[str]]) -> tuple[list[Pattern], list[tuple[str, str]]]:
    """The patterns that are patterns, and why the others are none."""
    patterns, dropped = [], []
    for name, text, needed in definitions:
        expression = expression_of(text)
        if isinstance(expression, str):
            dropped.append((name, expression))
        else:
            patterns.append((name, expression, needed.encode()))
    return patterns, dropped


known: dict[str, re.Pattern[str] | str] = {}


def expression_of(text: str) -> re.Pattern[str] | str:
    """The expression, or why it is none."""
    found = known.get(text)
    if found is None:
        if len(known) >= MOST_COMPILED:
            known.clear()
        found = known[text] = compile_expression(text)
    return found


def compile_expression(text: str) -> re.Pattern[str] | str:
    """As `expression_of`, without what was done before."""
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, PATTERN_SECONDS)
        expression = re.compile(text)
    except TooSlowError:
        return TOO_SLOW
    except (re.error, OverflowError, RecursionError, MemoryError) as error:
        return f"it cannot be read: {error}"
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return expression if expression.groups else NO_GROUP


def whole_lines(path: str, begin: int, most: int) -> bytes:
    """What follows in the log; a line that is not ended yet is left for the next time."""
    try:
        with open(path, "rb") as log:  # noqa: PTH123 - pathlib would double the start-up time
            log.seek(begin)
            block = log.read(most)
    except OSError:
        return b""
    return block[: block.rfind(b"\n") + 1]


def search(
    block: bytes,
    patterns: list[Pattern],
    points: int,
    seconds: float,
    found: list[tuple[str, int, float]],
    dropped: list[tuple[str, str]],
) -> int:
    """Search the lines of the block, as many as `points` and `seconds` allow: how many bytes they had."""
    patterns = [each for each in patterns if each[2] in block]
    give_up = time.process_time() + seconds
    begin = count = 0
    while patterns and begin < len(block) and len(found) < points:
        count += 1
        if count % ASK_EVERY == 0 and time.process_time() > give_up:
            return begin
        end = block.index(b"\n", begin)
        search_line(block[begin:end], patterns, found, dropped)
        begin = end + 1
    return begin if patterns else len(block)


def search_line(
    line: bytes, patterns: list[Pattern], found: list[tuple[str, int, float]], dropped: list[tuple[str, str]]
) -> None:
    """Note the first match of each pattern; the line begins with milliseconds since the epoch."""
    candidates = [each for each in patterns if each[2] in line]
    stamp, _, text = line.partition(b" ")
    if not candidates or not stamp.isdigit():
        return
    shown = text[:LINE_LIMIT].decode(errors="replace")
    for each in candidates:
        try:
            signal.setitimer(signal.ITIMER_VIRTUAL, PATTERN_SECONDS)
            match = each[1].search(shown)
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        except TooSlowError:
            patterns.remove(each)
            dropped.append((each[0], TOO_SLOW))
            continue
        value = number(match.group(1)) if match else None
        if value is not None:
            found.append((each[0], int(stamp), value))


def number(text: str | None) -> float | None:
    """A finite number, or None. Python's own spelling 1_000 is none."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in str(text) else None


def interrupt(_number: int, _frame: object) -> None:
    """End what runs."""
    raise TooSlowError


if __name__ == "__main__":
    main()
