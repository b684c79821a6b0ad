"""Room runtime: what a function left. In: how its container ended, and its folder. Out: Ended, and a finished log.

The files in `exchange` were written by the function: they are read only if they are regular files, only so far, and
count only if they are JSON. May be repeated: the log gets its last lines once.
"""

from __future__ import annotations

import json
import math
import os
import stat
from pathlib import Path

from stepwell.base import times
from stepwell.container import notices
from stepwell.launchers.launcher import Exited, Lost
from stepwell.machines import invocation_outcomes as outcomes
from stepwell.machines.invocation import Ended
from stepwell.machines.invocation_outcomes import End, Outcome
from stepwell.runtime.invocation_records import Place, Record

TAIL_BYTES = 4096
"""How much of the log a caller gets who asks for it (Lambda API Reference, Invoke, LogType)."""
MEGABYTE = 1 << 20
GONE = "The function's folder is gone."


def ended(state: Record, seen: Exited | Lost | None, place: Place, now: float) -> Ended:
    """The end of the attempt. `seen` None: nothing is known of a container that was started."""
    end = _end(state, seen, place)
    outcome = outcomes.outcome_of(end)
    if place.root.is_dir():
        _finish_log(state, end, outcome, seen, place, now)
    return Ended(outcome, _tail(place.log, TAIL_BYTES))


def _end(state: Record, seen: Exited | Lost | None, place: Place) -> End:
    result, failure = _answer(place.exchange / "result"), _answer(place.exchange / "failure")
    limit = outcomes.MOST_RESULT_BYTES
    known = {
        "result": _json(result),
        "failure": _json(failure),
        "is_too_large": any(each is not None and len(each) > limit for each in (result, failure)),
    }
    request_id, timeout = state.request_id, float(state.function["Timeout"])
    match seen:
        case Exited():
            return End(
                request_id,
                timeout,
                _seconds(seen, place),
                code=seen.code,
                signal=seen.signal,
                out_of_memory=seen.out_of_memory,
                timed_out=seen.timed_out,
                problem=seen.error,
                **known,  # type: ignore[arg-type]
            )
        case Lost(reason):
            return End(request_id, timeout, 0.0, problem=reason, **known)  # type: ignore[arg-type]
        case None:
            return End(request_id, timeout, 0.0, problem=GONE, **known)  # type: ignore[arg-type]


def _answer(path: Path) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(outcomes.MOST_RESULT_BYTES + 1)
    finally:
        os.close(descriptor)


def _json(data: bytes | None) -> str | None:
    try:
        text = data.decode() if data is not None else None
        if text is not None:
            json.loads(text)
    except (ValueError, RecursionError):
        return None
    return text


def _modified(path: Path) -> float | None:
    try:
        return path.lstat().st_mtime
    except OSError:
        return None


def _seconds(seen: Exited, place: Place) -> float:
    """How long the handler ran: from the file it began with to the one that it left, or to the end."""
    begun = _modified(place.exchange / "begun")
    answered = _modified(place.exchange / "result") or _modified(place.exchange / "failure")
    return max((answered or seen.ended) - (begun or seen.started), 0.0)


def _finish_log(
    state: Record, end: End, outcome: Outcome, seen: Exited | Lost | None, place: Place, now: float
) -> None:
    report = f"REPORT RequestId: {end.request_id}\t"
    if report in _tail(place.log, TAIL_BYTES):
        return
    lines = [f"END RequestId: {end.request_id}", report + _figures(state, end, seen, place)]
    if end.result is None and end.failure is None:
        lines.insert(0, _last_words(end, outcome, now))
    notices.write(place.root, "\n".join(lines), now)


def _last_words(end: End, outcome: Outcome, now: float) -> str:
    """What the log says of a function that could not say it."""
    if outcomes.is_timeout(end):
        return f"{times.iso(now)} {end.request_id} {outcomes.timeout_text(end)}"
    error = json.loads(outcome.payload)
    return f"{error['errorMessage']}\n{error['errorType']}"


def _figures(state: Record, end: End, seen: Exited | Lost | None, place: Place) -> str:
    milliseconds = end.seconds * 1000
    figures = [
        f"Duration: {milliseconds:.2f} ms",
        f"Billed Duration: {math.ceil(milliseconds)} ms",
        f"Memory Size: {state.function['MemorySize']} MB",
    ]
    if isinstance(seen, Exited):
        if seen.peak_memory_bytes is not None:
            figures.append(f"Max Memory Used: {math.ceil(seen.peak_memory_bytes / MEGABYTE)} MB")
        begun = _modified(place.exchange / "begun")
        if begun is not None:
            figures.append(f"Init Duration: {max(begun - seen.started, 0.0) * 1000:.2f} ms")
    return "\t".join((*figures, ""))


def _tail(log: Path, size: int) -> str:
    """The last `size` bytes of the log as text, without the times that its lines begin with."""
    try:
        with log.open("rb") as file:
            # Each line has a time in front; twice as much and some more holds enough of any usual log.
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4 * size))
            lines = file.read().splitlines()
    except OSError:
        return ""
    texts = [line.partition(b" ")[2] for line in lines]
    return b"".join(text + b"\n" for text in texts)[-size:].decode(errors="replace")
