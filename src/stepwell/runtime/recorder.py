"""Room runtime: records in the background what follows from changed resources (services/sagemaker/recording.py).

One thread, which keeps nothing: what is left to do stands in the database. Readers do not wait for it.
"""

from __future__ import annotations

import logging
import threading

from stepwell.services.registry import Site
from stepwell.services.sagemaker import recording
from stepwell.store import unrecorded

log = logging.getLogger(__name__)

LOOK_EVERY_SECONDS = 1.0
BREATH_SECONDS = 0.01
"""Between two transactions, for writers who have somebody waiting."""


class Recorder:
    """The thread."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stepwell-recorder", daemon=True)

    def start(self) -> None:
        """Begin to record."""
        self._thread.start()

    def stop(self) -> None:
        """Record no more."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        pause = 0.0
        while not self._stopping.wait(pause):
            try:
                pause = BREATH_SECONDS if self.look() else LOOK_EVERY_SECONDS
            except Exception:  # the database may be busy; what is left stands there
                log.exception("recording failed")
                pause = LOOK_EVERY_SECONDS

    def look(self) -> bool:
        """Record a few; whether there may be more."""
        with self._site.database.read() as connection:
            last = unrecorded.last(connection)
        return last is not None and recording.record_some(self._site, last)
