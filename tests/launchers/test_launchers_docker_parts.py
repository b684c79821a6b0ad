"""The parts of the docker launcher that need no engine: requests, streams, passwords, addresses."""

from __future__ import annotations

import base64
import itertools
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.launchers import docker_body, docker_engine, docker_order, docker_usage
from stepwell.launchers.docker_body import Host
from stepwell.launchers.docker_credentials import registry_auth
from stepwell.launchers.docker_order import DockerOrder, Standing
from stepwell.launchers.docker_output import OutputReader, ending_of
from stepwell.launchers.launcher import Container, Mount
from stepwell.launchers.log_file import LogFile

PLAIN = Host(cpus=4, has_gpus=False)


def limits(host: Host = PLAIN, **fields: Any) -> dict[str, Any]:
    """The HostConfig for a container with `fields`."""
    container = Container(Path("/jobs/1"), fields.pop("command", ()), {"A": "b"}, image="i:1", **fields)
    config = docker_body.body(container, host)["HostConfig"]
    assert isinstance(config, dict)
    return config


def test_limits() -> None:
    found = limits(memory_bytes=1 << 30, cpus=1.5, process_limit=7)
    assert (found["Memory"], found["MemorySwap"], found["NanoCpus"]) == (1 << 30, 1 << 30, 1_500_000_000)
    assert found["PidsLimit"] == 7


def test_without_limits_none_are_asked_for() -> None:
    assert not {"Memory", "NanoCpus", "DeviceRequests"} & set(limits())


def test_more_processors_than_there_are_is_no_limit() -> None:
    """An engine refuses such a request."""
    assert "NanoCpus" not in limits(cpus=96)


def test_gpus_are_asked_for_where_there_are_any() -> None:
    assert limits(Host(4, True))["DeviceRequests"] == [{"Driver": "", "Count": -1, "Capabilities": [["gpu"]]}]


def test_network() -> None:
    assert limits()["NetworkMode"] == "host"
    assert "algo-16:127.0.0.1" in limits()["ExtraHosts"]
    assert limits(network=False)["NetworkMode"] == "none"


def test_files_are_mounted_and_devices_are_given() -> None:
    mounts = (Mount(Path("/tmp"), "/data"), Mount(Path("/dev/null"), "/dev/own", writable=True))
    found = limits(mounts=mounts)
    assert found["Mounts"] == [{"Type": "bind", "Source": "/tmp", "Target": "/data", "ReadOnly": True}]
    assert [each["PathInContainer"] for each in found["Devices"]] == ["/dev/own"]


@pytest.mark.parametrize(
    ("command", "arguments", "entrypoint", "words"),
    [((), (), None, None), ((), ("train",), None, ["train"]), (("a", "b"), (), ["a", "b"], [])],
)
def test_entrypoint(
    command: tuple[str, ...], arguments: tuple[str, ...], entrypoint: list[str] | None, words: list[str] | None
) -> None:
    body = docker_body.body(Container(Path("/jobs/1"), command, {}, image="i:1", arguments=arguments), PLAIN)
    assert (body.get("Entrypoint"), body.get("Cmd")) == (entrypoint, words)


class Collecting(LogFile):
    """A log whose lines are kept."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    def feed(self, data: bytes, now: float) -> None:
        self.seen.append(data)

    def finish(self, now: float) -> None: ...


WRITTEN = st.text("ab\n", max_size=12).map(str.encode)


@given(st.lists(st.tuples(st.sampled_from([1, 2]), WRITTEN), max_size=8), st.lists(st.integers(0, 200), max_size=12))
def test_a_stream_may_be_cut_anywhere(pieces: list[tuple[int, bytes]], cuts: list[int]) -> None:
    stream = b"".join(struct.pack(">BxxxI", output, len(each)) + each for output, each in pieces)
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    log = Collecting()
    reader = OutputReader(log)
    for start, end in itertools.pairwise(places):
        reader.feed(stream[start:end])
    reader.finish()
    told = [b"".join(each for output, each in pieces if output == wanted) for wanted in (1, 2)]
    lines = [line.removesuffix(b"\n") + b"\n" for text in told for line in text.splitlines(keepends=True)]
    assert sorted(b"".join(log.seen).splitlines(keepends=True)) == sorted(lines)


def test_one_output_amid_a_line_of_the_other_leaves_it_whole() -> None:
    log = Collecting()
    reader = OutputReader(log)
    for output, text in ((2, b"ls: "), (1, b"b\n"), (2, b"cannot access\n"), (1, b"no end")):
        reader.feed(struct.pack(">BxxxI", output, len(text)) + text)
    reader.finish()
    assert b"".join(log.seen) == b"b\nls: cannot access\nno end\n"


def test_a_line_without_an_end_is_let_go_in_parts() -> None:
    log = Collecting()
    reader = OutputReader(log)
    piece = b"x" * 1000
    for _ in range(1000):
        reader.feed(struct.pack(">BxxxI", 1, len(piece)) + piece)
    assert len(b"".join(log.seen)) > len(piece) * 700
    reader.finish()
    assert b"".join(log.seen) == piece * 1000 + b"\n"


@pytest.mark.parametrize(
    ("code", "words", "ending"),
    [
        (0, b"", (0, None, "")),
        (255, b"", (255, None, "")),
        (128, b"", (128, None, "")),
        (137, b"", (None, 9, "")),
        (127, b"sh: no such thing", (127, None, "")),
        (
            127,
            b"[FATAL tini (7)] exec run me failed: No such file or directory\n",
            (127, None, "The command 'run me' could not be executed: No such file or directory."),
        ),
        (
            1,
            b"[FATAL tini (7)] exec a/b failed: Not a directory\n",
            (127, None, "The command 'a/b' could not be executed: Not a directory."),
        ),
        (1, b"hello\n[FATAL tini (7)] exec a/b failed: Not a directory\n", (1, None, "")),
    ],
)
def test_what_an_exit_code_says(code: int, words: bytes, ending: tuple[int | None, int | None, str]) -> None:
    found = ending_of(code, words)
    assert (found.code, found.signal, found.error) == ending


@pytest.mark.parametrize(
    ("image", "key", "is_known"),
    [
        ("1.dkr.ecr.eu-west-1.amazonaws.com/a:1", "1.dkr.ecr.eu-west-1.amazonaws.com", True),
        ("1.dkr.ecr.eu-west-1.amazonaws.com/a:1", "https://1.dkr.ecr.eu-west-1.amazonaws.com", True),
        ("localhost:5000/a", "localhost:5000", True),
        ("team/a:1", "https://index.docker.io/v1/", True),
        ("other.example/a:1", "registry.example", False),
        ("registry.example.evil/a:1", "registry.example", False),
    ],
)
def test_a_password_goes_to_its_registry_only(tmp_path: Path, image: str, key: str, is_known: bool) -> None:
    packed = base64.b64encode(b"me:pass:word").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {key: {"auth": packed}}}))
    header = registry_auth(image, {"DOCKER_CONFIG": str(tmp_path)})
    assert bool(header) == is_known
    if is_known:
        told = json.loads(base64.urlsafe_b64decode(header))
        assert (told["username"], told["password"]) == ("me", "pass:word")


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"auths": []}', '{"auths": {"a.b": {"auth": "%%%"}}}'])
def test_a_broken_or_missing_config_is_no_password(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    assert registry_auth("a.b/c:1", {"DOCKER_CONFIG": str(tmp_path)}) == ""


def test_docker_host_is_respected() -> None:
    assert docker_engine.find({"DOCKER_HOST": "tcp://127.0.0.1:2375"}).address == "tcp://127.0.0.1:2375"
    assert docker_engine.find({}).address.startswith("unix:///")


def test_the_standing_has_no_secrets_and_comes_back(tmp_path: Path) -> None:
    standing = Standing(str(tmp_path), "unix:///sock", "stepwell-1", "i:1", None, 30.0, 100)
    order = DockerOrder(standing, '{"Env": ["KEY=hidden"]}', "hidden", (("a", "file", b"hidden"),))
    assert docker_order.unpack(docker_order.pack(order)) == order
    docker_order.leave(standing)
    assert docker_order.read(tmp_path) == standing
    assert "hidden" not in (tmp_path / docker_order.STANDING).read_text()
    assert docker_order.read(tmp_path / "elsewhere") is None


@pytest.mark.parametrize(
    ("stats", "used"),
    [
        ({}, None),
        ({"memory_stats": {}, "cpu_stats": {"cpu_usage": {"total_usage": 5}}}, None),
        ({"memory_stats": {"usage": 9}, "cpu_stats": {"cpu_usage": {"total_usage": 1_500_000_000}}}, (1.5, 9)),
        ({"memory_stats": {"usage": 9, "stats": {"inactive_file": 4}}}, (0.0, 5)),
        ({"memory_stats": {"usage": 9, "stats": {"total_inactive_file": 4, "cache": 8}}}, (0.0, 5)),
        ({"memory_stats": {"usage": 9, "stats": {"inactive_file": 12}}}, (0.0, 9)),
        ({"memory_stats": "none", "cpu_stats": None}, None),
    ],
)
def test_what_an_engine_counts(stats: dict[str, object], used: tuple[float, int] | None) -> None:
    assert docker_usage.figures(stats) == used
