"""A program on its own (standard library only): applies metric patterns to job logs. See `metrics.py`.

In, as JSON on standard input: {"definitions": [[name, pattern]], "logs": [path]}. Out, as JSON on standard output:
[[name, value, epoch seconds]] of the last line that each pattern matched with a number in its first group.
"""

from __future__ import annotations

import json
import math
import re
import sys

LINE_LIMIT = 4096
"""Of longer lines only the beginning is looked at."""

Value = tuple[float, float]
Patterns = list[tuple[str, "re.Pattern[str]"]]


def main() -> None:
    """Scan what standard input names."""
    task = json.load(sys.stdin)
    patterns = compiled(task["definitions"])
    last: dict[str, Value] = {}
    for log in task["logs"]:
        scan(log, patterns, last)
    ordered = [(name, *last[name]) for name in dict.fromkeys(name for name, _ in patterns) if name in last]
    json.dump(ordered, sys.stdout)


def compiled(definitions: list[list[str]]) -> Patterns:
    """The patterns that are patterns; the service, too, ignores what never matches."""
    patterns = []
    for name, text in definitions:
        try:
            pattern = re.compile(text)
        except re.error:
            continue
        if pattern.groups:
            patterns.append((name, pattern))
    return patterns


def scan(path: str, patterns: Patterns, last: dict[str, Value]) -> None:
    """Note the last match of every pattern in one log; its lines begin with milliseconds since the epoch."""
    with open(path, "rb") as log:  # noqa: PTH123 - pathlib would double the start-up time
        for line in log:
            stamp, _, text = line.partition(b" ")
            shown = text[:LINE_LIMIT].decode(errors="replace").rstrip("\n")
            for name, pattern in patterns:
                match = pattern.search(shown)
                value = number(match.group(1)) if match else None
                if value is not None:
                    last[name] = (value, int(stamp) / 1000)


def number(text: str | None) -> float | None:
    """A finite number, or None."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


if __name__ == "__main__":
    main()
