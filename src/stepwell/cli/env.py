"""`stepwell env`: shell exports, one a line."""

from __future__ import annotations

import argparse
import shlex

from stepwell import settings
from stepwell.cli import connection


def configure(_parser: argparse.ArgumentParser) -> None:
    """No options of its own."""


def run(options: argparse.Namespace) -> int:
    data = settings.load({"data": options.data}).data
    reached = connection.access(data)
    if reached is None:
        return connection.no_server(data)
    for name, value in connection.variables(data, reached).items():
        print(f"export {name}={shlex.quote(value)}")
    return 0
