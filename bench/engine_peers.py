"""Other engines, each in a locked environment of its own, one program each (engine_luigi.py and so on).

In: a workload. Out: what its run cost, or why there is none: a peer that cannot be installed or started here costs
the benchmark a line, not its life.
"""

from __future__ import annotations

import hashlib
import os
import selectors
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import uv
from engine_outcomes import Outcome, end_group, peak_memory_bytes
from engine_workloads import Workload
from meters import cpu_seconds

HERE = Path(__file__).resolve().parent
CACHE = Path.home() / ".cache" / "stepwell" / "peers"
START_SECONDS = 60.0
RUN_SECONDS = 20.0


class Unusable(Exception):
    """The peer does not install, start or finish. The message says which."""


@dataclass(frozen=True, slots=True)
class Program:
    """A peer: the program beside this file that runs it, and what it is told besides the workload."""

    title: str
    peer: str
    arguments: tuple[str, ...] = ()

    def run(self, workload: Workload) -> Outcome:
        """One run in a fresh folder. Never raises for what the peer does."""
        with tempfile.TemporaryDirectory(prefix="stepwell-bench-", ignore_cleanup_errors=True) as folder:
            try:
                return self._run(workload, Path(folder))
            except Unusable as error:
                return Outcome(error=str(error))

    def _run(self, workload: Workload, folder: Path) -> Outcome:
        python = environment(self.peer) / "bin" / "python"
        command: list[str | Path] = [python, HERE / f"engine_{self.peer}.py", workload.name, folder, *self.arguments]
        log = folder / "log"
        with log.open("wb") as errors:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=folder,
                env=_variables(),
                start_new_session=True,
            )
        try:
            _expect(process, "ready", START_SECONDS, log)
            cpu, wall = cpu_seconds(process.pid), time.perf_counter()
            _tell(process)
            _expect(process, "done", RUN_SECONDS, log)
            wall, cpu = time.perf_counter() - wall, cpu_seconds(process.pid) - cpu
            return Outcome(len(workload.graph()), wall, cpu, peak_memory_bytes(process.pid))
        finally:
            end_group(process)
            if process.stdin:
                process.stdin.close()


PEERS = (
    Program("Luigi", "luigi"),
    Program("DBOS, steps", "dbos", ("steps",)),
    Program("DBOS, workflows", "dbos", ("workflows",)),
    Program("Prefect", "prefect"),
)


@cache
def environment(peer: str) -> Path:
    """The peer's environment, made on first use and kept in the user's cache under its lock's key."""
    lock = HERE / f"engine-{peer}-requirements.lock"
    home = CACHE / hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:16]
    mark = home / "complete"
    if mark.exists():
        return home
    print(f"Building {peer}'s environment (once) ...", flush=True)
    tool, python = uv.find_uv_bin(), str(home / "bin" / "python")
    for command in (
        [tool, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)],
        [tool, "pip", "sync", "--quiet", "--require-hashes", "--python", python, str(lock)],
    ):
        done = subprocess.run(command, env=_variables(), check=False, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise Unusable(f"cannot be installed here: {_last(done.stderr)}")
    mark.touch()
    return home


def _variables() -> dict[str, str]:
    """This process's environment without what would lead another Python astray, or make Prefect use a server."""
    strange = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
    kept = {name: value for name, value in os.environ.items() if name not in strange}
    return {name: value for name, value in kept.items() if not name.startswith(("PREFECT_", "DBOS_", "LUIGI_"))}


def _tell(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin
    process.stdin.write(b"\n")
    process.stdin.flush()


def _expect(process: subprocess.Popen[bytes], word: str, seconds: float, log: Path) -> None:
    """Wait for that line. Raises Unusable."""
    assert process.stdout
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(seconds):
            raise Unusable(f"not {word} after {seconds:g} s")
    if process.stdout.readline().decode().strip() != word:
        raise Unusable(f"ended before it was {word}: {_last(log.read_text(errors='replace'))}")


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip()[:160] if lines else "it said nothing"
