"""Room images: a recipe, the list of packages an environment is built from. In: `[recipe.*]` of a catalogue file and
the lock files it names. Out: `Recipe` values, fit to be hashed and compared.

Lock files are in requirements format, every package pinned; the built-in ones carry hashes and are checked.
`requirements` come after them and are resolved when the environment is first needed: for frameworks whose build
depends on the machine. Which of their two lists counts, with or without GPUs, is settled when the file is read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

LOCKS = Path(__file__).with_name("locks")
"""Where the built-in lock files stand."""

Installer: TypeAlias = Literal["uv", "pip"]
"""What brings `requirements`: uv, or the pip of the environment with this machine's own configuration."""

_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?==([^\s;\\]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Recipe:
    """An environment to build: a Python version, and lists of packages that together name every package once."""

    name: str
    python: str
    locks: tuple[Path, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Distribution name -> the installed package that provides it: {"xgboost": "xgboost-cpu"}."""
    requirements: tuple[str, ...] = ()
    """Installed after the locks, with what they need, as wheels only."""
    installer: Installer = "uv"

    def text(self) -> str:
        """All lock files, one after the other."""
        return "\n".join(lock.read_text() for lock in self.locks)

    def is_hashed(self) -> bool:
        """Every lock file carries hashes, so what is installed can be checked against them."""
        return all("--hash=" in lock.read_text() for lock in self.locks)

    def key(self) -> str:
        """A name for the environment that changes when its content does: `<recipe>-<12 hex digits>`."""
        parts = [self.python, *sorted(f"{k}={v}" for k, v in self.aliases.items()), self.text(), *self.requirements]
        return f"{self.name}-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:12]}"

    def packages(self) -> dict[str, str]:
        """Package name (lower case) -> version; `python` and the aliases count as packages."""
        listed = "\n".join([self.text(), *self.requirements])
        pins = {name.lower(): version for name, version in _PIN.findall(listed)}
        aliases = {alias: pins[target] for alias, target in self.aliases.items() if target in pins}
        return pins | aliases | {"python": self.python}
