"""The process that owns one container and outlives the server: started by `process.py`, alone with one folder.

Stdlib-only and quick to start: no dataclasses, typing, json, re, signal or subprocess, here and in what it imports,
and nothing is imported later, so that an upgrade on disk cannot touch a running job.

In: the order on descriptor ORDER; on descriptor LOCK the folder's lock, taken by the launcher and held until this
process ends, whatever ends it. Out, in the folder: `lock` (process id and start time), `started` (from here on
nobody may run it again), `log`, and as the last act `exit.json`. A `stop` file asks it to stop; a byte in the pipe
`control` makes it look at once.
"""

from __future__ import annotations

import fcntl
import os
import select
import time

from stepwell.launchers import bubblewrap, cgroups, namespaces, order, processes, rootfs
from stepwell.launchers.cage import Cage, Ending
from stepwell.launchers.log_file import LogFile

LOCK = 3
ORDER = 4
PIPE_BYTES = 1 << 20
LONGEST_SLEEP = 5.0
COUNTING_INTERVAL = 0.2


class Run:
    """One container from start to exit record."""

    def __init__(self, job: order.Order) -> None:
        self.job = job
        self.started = time.time()
        self.group: cgroups.Group | None = None
        self.log = LogFile(f"{job.folder}/log", job.log_bytes)
        self.output, self.output_end = os.pipe()
        self.control = os.open(f"{job.folder}/control", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self.kill_at: float | None = None
        self.was_killed = False
        self.stopped = False
        self.timed_out = False
        self.out_of_memory = False
        self.peak: int | None = None
        self.error = ""

    def run(self) -> Ending:
        """Run the container to its end."""
        os.set_blocking(self.output, False)
        try:
            fcntl.fcntl(self.output, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        except OSError:
            pass  # The user's quota of pipe memory is used up: a smaller pipe does.
        if self._is_over_before_it_began():
            return Ending(None, None)
        root = f"{self.job.folder}/root"
        binds = rootfs.prepare(root, self.job.hostname, self.job.mounts)
        self.group = cgroups.make(self.job.memory_bytes, self.job.process_limit)
        mark_started(self.job.folder, self.started)
        isolation = bubblewrap if self.job.isolation == "bubblewrap" else namespaces
        cage = isolation.start(self.job, root, binds, self.output_end, self.group)
        os.close(self.output_end)
        self._follow(cage)
        ending = cage.end()
        self._drain()
        return self._judge(ending)
