"""What differs for a server without privileges (user namespace, limits by counting), tried from a test run of root:
the suite runs once more as the user `nobody`. A test run without privileges is that test by itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import stepwell

NOBODY = 65534
TOPICS = "exit_code or memory or fork_bomb or archive or host or mounts or sends_sigterm or isolation or at_any"
INTERPRETERS = (sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}")


def as_nobody(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **environment}
    return subprocess.run(
        command, user=NOBODY, group=NOBODY, extra_groups=[], env=clean, capture_output=True, text=True, cwd="/"
    )


def find_interpreter(path: str) -> str:
    for interpreter in INTERPRETERS:
        try:
            if as_nobody(interpreter, "-c", "import pytest, stepwell.launchers", PYTHONPATH=path).returncode == 0:
                return interpreter
        except OSError:
            continue
    pytest.skip("no interpreter that another user could run finds these modules")


def test_the_suite_without_privileges() -> None:
    if os.geteuid() != 0:
        pytest.skip("this test run has no privileges to give up")
    path = os.pathsep.join([str(Path(stepwell.__file__).parents[1]), str(Path(pytest.__file__).parents[1])])
    interpreter = find_interpreter(path)
    folder = tempfile.mkdtemp(prefix="stepwell-nobody-")
    try:
        os.chown(folder, NOBODY, NOBODY)
        suite = str(Path(__file__).parent / "test_launchers_process.py")
        options = ("-q", "-x", "-p", "no:cacheprovider", f"--basetemp={folder}/t", "-k", TOPICS)
        result = as_nobody(interpreter, "-m", "pytest", suite, *options, PYTHONPATH=path, HOME=folder)
        assert result.returncode == 0, result.stdout + result.stderr
        assert "passed" in result.stdout or "..." in result.stdout
    finally:
        shutil.rmtree(folder)
