"""Places where a container can run: one file per launcher, all behind the Protocol in `launcher.py`.

May import: `base` and the standard library; a launcher's third-party client is imported in its file alone.

Two worlds live here. On the server's side: `launcher.py` (the values and the Protocol), `process.py` (the launcher
that needs no Docker), `isolation.py` and `probe.py` (which isolation works on this host), `records.py` (the files of
a job's folder). In the job's own supervisor process, which outlives the server and starts in a few milliseconds:
`supervisor.py` and what it imports (`order`, `rootfs`, `namespaces`, `bubblewrap`, `command`, `cage`, `cgroups`,
`processes`, `log_file`, `kernel`). Those import the cheap part of the standard library only (no dataclasses, typing,
json, re, signal, subprocess), so this file imports nothing either.

Images are run by an engine's containers beside that: `docker.py` (server's side) and `docker_supervisor.py` (the same
part as `supervisor.py`'s, with the Engine API of `docker_engine.py` instead of children).

To add one: a file with a class that keeps the promises of `launcher.Launcher`, and a fixture for the conformance
suite in tests/launchers.
"""
