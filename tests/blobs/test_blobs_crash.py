"""A process that is killed at the worst moment: nothing half-made stands under a name, nothing stays for ever."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stepwell.blobs.folder import Blobs

TEXT = b"bytes of a process that dies" * 1000
NAME = hashlib.sha256(TEXT).hexdigest()

PROGRAM = """
import os, signal, sys
from pathlib import Path
from stepwell.blobs import folder

def die(*arguments, **named):
    os.kill(os.getpid(), signal.SIGKILL)

blobs = folder.Blobs(Path(sys.argv[1]))
moment = sys.argv[2]
if moment == "rename":
    Path.replace = die
with blobs.writer() as writer:
    writer.write(b"bytes of a process that dies" * 1000)
    if moment == "write":
        die()
    writer.commit()
die()
"""


@pytest.mark.parametrize(("moment", "is_kept"), [("write", False), ("rename", False), ("end", True)])
def test_killed(tmp_path: Path, moment: str, is_kept: bool) -> None:
    place = tmp_path / "blobs"
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(place), moment], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert len(list((place / "incoming").iterdir())) == (0 if is_kept else 1)
    blobs = Blobs(place)
    assert list(blobs.incoming.iterdir()) == []
    assert blobs.path(NAME).exists() == is_kept
    assert blobs.put(TEXT).hash == NAME
    assert blobs.path(NAME).read_bytes() == TEXT
