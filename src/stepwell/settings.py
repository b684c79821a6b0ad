"""What can be set, and from where: the only reader of the environment and of `stepwell.toml`.

A command-line option beats an environment variable, which beats `<data>/stepwell.toml`, which beats the default.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal, TypeAlias, get_args

CacheMode: TypeAlias = Literal["uri", "content"]
LauncherName: TypeAlias = Literal["process", "docker"]
IsolationName: TypeAlias = Literal["", "bubblewrap", "namespaces"]
AcceleratorsName: TypeAlias = Literal["", "gpu", "none"]


class SettingsError(Exception):
    """A setting that cannot be used. The message says which, where it stands and what is allowed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How one server runs. Every field is a key of `stepwell.toml` and, in capitals with STEPWELL_ before it,
    an environment variable."""

    data: Path
    """Where everything is kept; deleting it deletes everything."""
    host: str = "127.0.0.1"
    """Address to listen on. The default is reachable from this machine only."""
    port: int = 4566
    """Port to listen on; 0 picks a free one."""
    account: str = "123456789012"
    """The AWS account the server pretends to be."""
    region: str = "us-east-1"
    """The region that `stepwell env` names. Requests for other regions are served as separate regions."""
    strict: bool = False
    """Refuse an image whose exact framework version cannot be had, instead of taking the nearest."""
    images: Path | None = None
    """A file with catalog lines of your own (docs/images.md)."""
    environments: Path | None = None
    """Where the environments of images are kept (default: in the data folder). Servers may share one."""
    isolation: IsolationName = ""
    """How jobs are kept apart: bubblewrap or namespaces. Empty: the first that works."""
    launcher: LauncherName = "process"
    """What runs images of which no catalog line says it: environments of this machine, or a Docker-compatible engine
    the images themselves."""
    accelerators: AcceleratorsName = ""
    """Which builds of frameworks are installed: for GPUs, or for processors only. Empty: as this machine has one."""
    cache: CacheMode = "uri"
    """What cached steps compare of their S3 inputs: `uri`, as AWS does, or `content`."""
    durable: bool = False
    """Wait for the disk on every commit: survives power loss too, at a cost."""
    queue: bool = True
    """Jobs wait until this machine has room for their instance types; false: all begin at once."""
    cpus: int = 0
    """Processors that jobs may claim together. 0: what this machine has."""
    instances: Path | None = None
    """A file that says what instance types have here (docs/settings.md)."""
    keep_failed: int = 10
    """Of so many failed jobs everything is kept, to be looked at again; 0: of none."""
    keep_failed_bytes: int = 2 << 30
    """What is kept of all of them together."""
    memory: int = 0
    """Memory in bytes that one job may use at most. 0: what its instance type has, or the host."""


def load(given: Mapping[str, object], environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings in force. `given` are options of the command line (None: not given). Raises SettingsError."""
    data = Path(str(given.get("data") or environment.get("STEPWELL_DATA") or "~/.stepwell")).expanduser().absolute()
    settings = Settings(data)
    for source, values in (
        (str(data / "stepwell.toml"), _file(data / "stepwell.toml")),
        ("the environment", _variables(environment)),
        ("the command line", {key: value for key, value in given.items() if value is not None}),
    ):
        settings = _with(settings, values, source)
    return settings


def _file(path: Path) -> dict[str, object]:
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error


def _variables(environment: Mapping[str, str]) -> dict[str, object]:
    names = {f"STEPWELL_{field.name.upper()}": field.name for field in fields(Settings)}
    return {names[key]: value for key, value in environment.items() if key in names and value}


def _with(settings: Settings, values: Mapping[str, object], source: str) -> Settings:
    known = {field.name for field in fields(Settings)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise SettingsError(f"Unknown setting {unknown[0]!r} in {source}. Known: {', '.join(sorted(known))}.")
    changes = {name: _value(name, value, source) for name, value in values.items() if name != "data"}
    return replace(settings, **changes)  # type: ignore[arg-type]


def _value(name: str, value: object, source: str) -> object:
    wanted = type(getattr(Settings(Path()), name))
    if name in ("images", "environments", "instances"):
        return Path(str(value)).expanduser().absolute()
    if wanted is bool and str(value).lower() in ("true", "false", "1", "0", "yes", "no"):
        return str(value).lower() in ("true", "1", "yes")
    if wanted is int and not isinstance(value, bool) and str(value).isdecimal():
        return int(str(value))
    if name == "cache" and value not in get_args(CacheMode):
        raise SettingsError(f"Setting 'cache' in {source} is {value!r}. Known: uri, content.")
    if name == "launcher" and value not in get_args(LauncherName):
        raise SettingsError(f"Setting 'launcher' in {source} is {value!r}. Known: process, docker.")
    if name == "accelerators" and value not in get_args(AcceleratorsName):
        raise SettingsError(f"Setting 'accelerators' in {source} is {value!r}. Known: gpu, none.")
    if name == "isolation" and value not in get_args(IsolationName):
        raise SettingsError(f"Setting 'isolation' in {source} is {value!r}. Known: bubblewrap, namespaces.")
    if wanted is str and isinstance(value, str):
        return value
    raise SettingsError(f"Setting {name!r} in {source} is {value!r}; a value of type {wanted.__name__} is expected.")
