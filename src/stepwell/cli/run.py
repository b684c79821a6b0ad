"""`stepwell run -- COMMAND`: a command with the environment of the server, which is started if none runs.

A server started here serves until the command has ended and what it set going is done.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stepwell import settings
from stepwell.base import clock
from stepwell.cli import connection
from stepwell.client.environment import Access

LOOK_SECONDS = 0.2


class NotReady(Exception):
    """The server ended before it was ready; the message is what it said."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="what to run")


def run(options: argparse.Namespace) -> int:
    words = options.words[1:] if options.words[:1] == ["--"] else options.words
    if not words:
        return connection.complain("nothing to run. Say for example: stepwell run -- python my_pipeline.py")
    data = settings.load({"data": options.data}).data
    reached = connection.access(data)
    if reached is not None:
        return _command(words, data, reached)
    try:
        with server(data) as started:
            code = _command(words, data, started)
            _wait_until_idle(started)
            return code
    except NotReady as error:
        return connection.complain(f"the server did not start:\n{error}")


@contextmanager
def server(data: Path, *options: str) -> Iterator[Access]:
    """A server of our own on a free port, until the block ends. Raises NotReady."""
    command = [sys.executable, "-m", "stepwell.cli.main", "up", "--data", str(data), "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True, text=True)
    try:
        lines = process.stdout or iter(())
        if not any(line.startswith("stepwell is ready") for line in lines):
            raise NotReady(f"stepwell up ended with exit code {process.wait()}.")
        reached = connection.access(data)
        if reached is None:
            raise NotReady("it left no server.json behind.")
        yield reached
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        if process.stdout:
            process.stdout.close()


def _command(words: list[str], data: Path, reached: Access) -> int:
    environment = {**os.environ, **connection.variables(data, reached)}
    try:
        code = subprocess.call(words, env=environment)
    except FileNotFoundError:
        return connection.complain(f"{words[0]}: command not found") + 126
    return 128 - code if code < 0 else code


def _wait_until_idle(reached: Access) -> None:
    told = False
    while (waiting := _work_left(reached)) > 0:
        if not told:
            print(
                f"stepwell: waiting for {waiting} running thing(s); Ctrl-C leaves them to the next `stepwell up`",
                file=sys.stderr,
            )
            told = True
        clock.sleep(LOOK_SECONDS)


def _work_left(reached: Access) -> int:
    with urllib.request.urlopen(f"{reached.endpoint}/_stepwell/work", timeout=30) as answer:
        return int(json.load(answer)["work"])
