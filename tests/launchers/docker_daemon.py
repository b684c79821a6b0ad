"""A Docker engine of the tests' own, and an image made of this machine's programs: no registry is asked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stepwell.launchers.docker_engine import UNREACHABLE, Engine, EngineError

IMAGE = "registry.test/stepwell/programs:1"
OWN_COMMAND = "registry.test/stepwell/own-command:1"
"""The same with ENTRYPOINT ["/bin/echo", "own"], CMD ["default"], an ENV and a WORKDIR."""
PROGRAMS = (
    "bash", "cat", "chown", "cut", "dash", "echo", "env", "grep", "gzip", "head", "hostname", "id", "ls", "mkdir",
    "mknod", "mount", "nproc", "printf", "readlink", "setsid", "sleep", "stat", "sync", "tail", "tar", "test",
    "touch", "tr", "true", "umount", "wc", "yes",
)  # fmt: skip
START_SECONDS = 60.0
COMMAND_SECONDS = 120.0


@contextmanager
def running_daemon(folder: Path) -> Iterator[Engine]:
    """dockerd with everything below `folder`, which is left empty of mounts. Skips where none can be had."""
    for program in ("dockerd", "docker", "docker-init"):
        if shutil.which(program) is None:
            pytest.skip(f"no Docker engine: {program} is not installed")
    if os.getuid() != 0:
        pytest.skip("no Docker engine: it is started as root only")
    command = ["dockerd", f"--data-root={folder}/data", f"--exec-root={folder}/exec", f"--pidfile={folder}/pid"]
    command += ["--host", f"unix://{folder}/sock", "--iptables=false", "--ip6tables=false", "--bridge=none"]
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen([*command, "--storage-driver", "vfs"], stdout=log, stderr=log)
    engine = Engine(f"unix://{folder}/sock")
    try:
        give_up = time.monotonic() + START_SECONDS
        while not answers(engine):
            if daemon.poll() is not None or time.monotonic() > give_up:
                pytest.skip(f"no Docker engine: dockerd says {(folder / 'log').read_text()[-300:]!r}")
            time.sleep(0.05)
        yield engine
    finally:
        daemon.terminate()
        daemon.wait(START_SECONDS)
        for line in Path("/proc/self/mounts").read_text().splitlines():
            if line.split()[1].startswith(str(folder)):
                subprocess.run(["umount", "--lazy", line.split()[1]], check=False)


def answers(engine: Engine) -> bool:
    """Whether the engine is up."""
    try:
        engine.call("GET", "/version")
    except (EngineError, *UNREACHABLE):
        return False
    return True


def import_images(engine: Engine, folder: Path) -> None:
    """Make IMAGE and OWN_COMMAND."""
    archive = programs_archive(folder)
    docker(engine, "import", str(archive), IMAGE)
    changes = ['ENTRYPOINT ["/bin/echo","own"]', 'CMD ["default"]', "ENV KEPT=yes PYTHONPATH=/theirs", "WORKDIR /srv"]
    docker(engine, "import", *(word for each in changes for word in ("--change", each)), str(archive), OWN_COMMAND)


def programs_archive(folder: Path) -> Path:
    """A file system of this machine's shell and its usual programs."""
    archive = folder / "programs.tar"
    with tarfile.open(archive, "w") as tar:
        for name in ("bin", "lib", "lib64"):
            tar.addfile(_link(name, f"usr/{name}"))
        tar.addfile(_link("usr/bin/sh", "dash"))
        for name in ("root", "tmp", "opt", "home", "mnt", "srv", "run", "var", "var/tmp", "etc", "usr", "usr/bin"):
            tar.addfile(_folder(name))
        for path in sorted(_files()):
            tar.add(path.resolve(), f"usr/{_place(path)}")
        for name, text in (("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"), ("etc/group", "root:x:0:\n")):
            (folder / "text").write_text(text)
            tar.add(folder / "text", name)
    return archive


def docker(engine: Engine, *words: str) -> str:
    """What the docker command says."""
    command = ["docker", "-H", engine.address, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _files() -> set[Path]:
    programs = {Path(path) for name in PROGRAMS if (path := shutil.which(name))}
    found = set(programs)
    for program in programs:
        done = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
        found |= {Path(each) for each in re.findall(r"(/\S+) \(0x", done.stdout)}
    return found


def _place(path: Path) -> str:
    """Where a program or a library stands below /usr, on a system that has merged the two."""
    return str(path).removeprefix("/usr").lstrip("/")


def _link(name: str, target: str) -> tarfile.TarInfo:
    link = tarfile.TarInfo(name)
    link.type, link.linkname = tarfile.SYMTYPE, target
    return link


def _folder(name: str) -> tarfile.TarInfo:
    folder = tarfile.TarInfo(name)
    folder.type, folder.mode = tarfile.DIRTYPE, 0o1777 if name.endswith("tmp") else 0o755
    return folder
