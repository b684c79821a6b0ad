"""Room container: Stepwell's own lines in a job's log. In: a text. Out: lines as its supervisor writes them,
`<milliseconds since the epoch> <text>`.
"""

from __future__ import annotations

from pathlib import Path

NAME = "log"


def write(folder: Path, text: str, now: float) -> None:
    """Append `text`, a line or several, to the log of the host in `folder`, made if need be. `now` is in seconds."""
    stamp = str(int(now * 1000))
    lines = "".join(f"{stamp} {line}\n" for line in text.splitlines())
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / NAME).open("a", encoding="utf-8", errors="replace") as log:
        log.write(lines)
