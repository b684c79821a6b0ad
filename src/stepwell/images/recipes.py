"""Room images: a recipe, the closed list of packages an environment is built from. In: `[recipe.*]` of a catalogue
file and the lock files it names. Out: `Recipe` values with the exact packages, fit to be hashed and compared.

Lock files are in requirements format, every package pinned; the built-in ones carry hashes and are checked.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

LOCKS = Path(__file__).with_name("locks")
"""Where the built-in lock files stand."""

_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Recipe:
    """An environment to build: a Python version, and lock files that together name every package once."""

    name: str
    python: str
    locks: tuple[Path, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Distribution name -> the installed package that provides it: {"xgboost": "xgboost-cpu"}."""

    def text(self) -> str:
        """All lock files, one after the other."""
        return "\n".join(lock.read_text() for lock in self.locks)

    def is_hashed(self) -> bool:
        """Every lock file carries hashes, so what is installed can be checked against them."""
        return all("--hash=" in lock.read_text() for lock in self.locks)

    def key(self) -> str:
        """A name for the environment that changes when its content does: `<recipe>-<12 hex digits>`."""
        content = "\0".join([self.python, *sorted(f"{k}={v}" for k, v in self.aliases.items()), self.text()])
        return f"{self.name}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"

    def packages(self) -> dict[str, str]:
        """Package name (lower case) -> version; `python` and the aliases count as packages."""
        pins = {name.lower(): version for name, version in _PIN.findall(self.text())}
        aliases = {alias: pins[target] for alias, target in self.aliases.items() if target in pins}
        return pins | aliases | {"python": self.python}
