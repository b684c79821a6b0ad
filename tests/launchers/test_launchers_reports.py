"""How endings are told: by our init, by bwrap, and in the exit record."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepwell
from stepwell.launchers import bubblewrap, processes, records
from stepwell.launchers.cage import Ending, read_report
from stepwell.launchers.isolation import Isolation, NoIsolationError, Rejected
from stepwell.launchers.order import Order, pack, unpack
from stepwell.launchers.probe import find_isolation, try_out
from stepwell.launchers.supervisor import to_json


def values(ending: Ending | None) -> tuple[int | None, int | None, str] | None:
    return None if ending is None else (ending.code, ending.signal, ending.error)


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (b"", (None, 9, "")),
        (b"exit 0\n", (0, None, "")),
        (b"exit 255\n", (255, None, "")),
        (b"signal 11\n", (None, 11, "")),
        (b"error No such file\nexit 127\n", (127, None, "No such file")),
        (b"error mount: Operation not permitted\n", (None, None, "mount: Operation not permitted")),
    ],
)
def test_report_of_the_attendant(report: bytes, expected: tuple[int | None, int | None, str]) -> None:
    assert values(read_report(report)) == expected


CHILD = b'{ "child-pid": 4711, "ipc-namespace": 4026532201, "mnt-namespace": 4026532199 }\n'


@pytest.mark.parametrize("report", [b"", b'{ "child-pid": ', b'{ "child-pid": x }', b"{}"])
def test_half_a_report_of_bwrap_has_no_process(report: bytes) -> None:
    with pytest.raises(OSError, match="without child-pid"):
        bubblewrap.read_number(report, b"child-pid")


def test_the_process_that_bwrap_tells() -> None:
    assert bubblewrap.read_number(CHILD, b"child-pid") == 4711


@given(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_plain_values_as_json(value: int | float | bool | None) -> None:
    assert json.loads(to_json(value)) == value


@given(st.text(st.characters(exclude_categories=("Cc", "Cs"))))
def test_text_as_json(text: str) -> None:
    assert json.loads(to_json(text)) == text


@pytest.mark.parametrize("text", ["a\nb", "\0", "\udcff", "\t\x1b"])
def test_text_that_json_or_utf_8_cannot_hold_is_still_json(text: str) -> None:
    assert isinstance(json.loads(to_json(text).encode()), str)


def test_the_order_arrives_as_it_was_given() -> None:
    order = Order(
        folder="/jobs/ä b",
        isolation="namespaces",
        program="",
        command=["a", "\udcff"],
        environment={"A": "=\n"},
        mounts=[("/a", "/b", True)],
        memory_bytes=None,
        network=False,
        hostname="algo-1",
        deadline=1.5,
        grace_seconds=0.0,
        process_limit=1,
        log_bytes=2,
        tree=[("opt-ml/a", "file", b"1")],
        volume_bytes=3,
    )
    copy = unpack(pack(order))
    assert all(getattr(copy, name) == getattr(order, name) for name in Order.__slots__)


def test_the_supervisor_imports_little() -> None:
    """Each of these would cost every job some milliseconds, and unshare needs a process with one thread."""
    root = str(Path(stepwell.__file__).parents[1])
    program = "import sys; sys.path.append(sys.argv[1]); import stepwell.launchers.supervisor; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, root], capture_output=True, text=True, check=True
    )
    dear = {"collections", "dataclasses", "enum", "json", "pathlib", "re", "signal", "socket", "subprocess", "typing"}
    assert dear & set(result.stdout.split()) == set()
    assert "threading" not in result.stdout.split()


def test_start_time_tells_processes_apart() -> None:
    assert processes.start_time(os.getpid()).isdigit()
    assert processes.start_time(os.getpid()) == processes.start_time(os.getpid())
    assert processes.start_time(2**22 + 1) == ""


def test_counting_a_tree() -> None:
    child = subprocess.Popen(["/bin/sh", "-c", "sleep 1000 & echo ready; wait"], stdout=subprocess.PIPE)
    assert child.stdout is not None
    with child, child.stdout:
        child.stdout.readline()
        tree = processes.tree(child.pid)
        assert tree[0] == child.pid
        assert len(tree) == processes.threads(tree) == 2
        exact = processes.memory_bytes(tree, 0)
        assert 0 < exact <= processes.memory_bytes(tree, None)
        for pid in tree:
            os.kill(pid, 9)
    assert processes.tree(2**22 + 1) == [2**22 + 1]
    assert processes.memory_bytes([2**22 + 1], 0) == 0


def test_a_host_without_isolation_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(NoIsolationError) as failure:
        find_isolation("bubblewrap")
    assert "bwrap is not on PATH" in str(failure.value)
    assert "install the package `bubblewrap`" in str(failure.value)
    assert [each.name for each in failure.value.rejected] == ["bubblewrap"]


def test_an_isolation_that_fails_is_rejected_with_its_reason(tmp_path: Path) -> None:
    program = tmp_path / "bwrap"
    program.write_text('#!/bin/sh\necho "bwrap: No permissions to create new namespace" >&2\nexit 1\n')
    program.chmod(0o755)
    reason = try_out(Isolation("bubblewrap", str(program)))
    assert reason == "The container could not be set up: bwrap: No permissions to create new namespace"
    assert reason in str(NoIsolationError((Rejected("bubblewrap", reason),)))


def test_an_isolation_that_only_pretends_is_rejected(tmp_path: Path) -> None:
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    assert try_out(Isolation("bubblewrap", str(program))) == "The container could not be set up: bwrap: no answer"


def test_the_last_words_of_a_supervisor(tmp_path: Path) -> None:
    assert "last words" not in records.lost(tmp_path).reason
    (tmp_path / records.COMPLAINTS).write_text("Traceback\nKeyError: 'x'\n")
    assert records.lost(tmp_path).reason.endswith("Its last words: Traceback\nKeyError: 'x'")
