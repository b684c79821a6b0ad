"""Room tests/chaos: the witness, whom every container tells that it runs. In: one line a run. Out: what it is told.

It stands outside the server and is never killed, and each run brings a name that nobody chose before: what ran twice
is seen twice, whatever the server believes. It is also the counter by which a job fails once and no more.
"""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable
from dataclasses import dataclass

_TELL = """
import json, os, signal, socket, sys

def tell(cause, step, kind):
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(128 + number))
    with open("/proc/sys/kernel/random/uuid") as file:
        mark = file.read().strip()
    with socket.create_connection(("127.0.0.1", int(os.environ["WITNESS"]))) as line:
        line.sendall(json.dumps([cause, step, kind, mark]).encode() + b"\\n")
        with line.makefile() as answers:
            return mark, answers.readline().strip()
"""
JOB = f"""{_TELL}
mark, answer = tell(os.environ["CAUSE"], os.environ["STEP"], "job")
if answer != "go":
    sys.exit("told to " + answer)
with open("/opt/ml/processing/out/" + mark, "x") as file:
    file.write(mark)
"""
"""What a job runs: it tells, does what it is told, and leaves a file that is named by its run."""
FUNCTION = f"""{_TELL}
def handler(event, context):
    mark, answer = tell(event["cause"], event["step"], "function")
    if answer != "go":
        raise RuntimeError("told to " + answer)
    return {{"mark": mark}}
"""
"""The same as a Lambda function; it answers the name of its run."""

GO, FAIL, WAIT = "go", "fail", "wait"
"""What a run may be told; WAIT is told nobody: the run waits for it until somebody ends it."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a container."""

    cause: str
    """What its step runs for: the id of its execution, or what executions share a result by."""
    step: str
    kind: str
    """job or function."""
    mark: str
    """Its own fresh name."""
    port: int
    """From where it told."""


Advice = Callable[[Run, int], str]
"""What the run is told, which is the n-th of its step (1 is the first)."""


class Witness(socketserver.ThreadingTCPServer):
    """Listens on a port of 127.0.0.1, as long as it is entered as a context."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, advice: Advice) -> None:
        super().__init__(("127.0.0.1", 0), _Line)
        self._advice = advice
        self._guard = threading.Lock()
        self._told: dict[Run, str] = {}
        self._listening = threading.Thread(target=self.serve_forever, args=(0.05,), name="witness")

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def told(self) -> dict[Run, str]:
        """All runs until now, and what each was told."""
        with self._guard:
            return dict(self._told)

    def has_seen(self, cause: str, step: str) -> bool:
        """Whether the step ran."""
        return any((run.cause, run.step) == (cause, step) for run in self.told)

    def hear(self, run: Run) -> str:
        """Note the run; what it is told."""
        with self._guard:
            number = 1 + sum((each.cause, each.step) == (run.cause, run.step) for each in self._told)
            self._told[run] = ""
        advice = self._advice(run, number)
        with self._guard:
            self._told[run] = advice
        return advice

    def __enter__(self) -> Witness:
        self._listening.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._listening.join()
        self.server_close()


class _Line(socketserver.StreamRequestHandler):
    """One connection is one run."""

    server: Witness

    def handle(self) -> None:
        try:
            told = self.rfile.readline()
            if not told:
                return
            cause, step, kind, mark = json.loads(told)
            advice = self.server.hear(Run(cause, step, kind, mark, self.client_address[1]))
            if advice == WAIT:
                self.rfile.read()  # until the run is gone
            else:
                self.wfile.write(f"{advice}\n".encode())
        except ConnectionError:
            return
