"""How a command finds the server of a data folder, and talks to it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stepwell import presence
from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.client import environment
from stepwell.client.environment import Access
from stepwell.settings import Settings

CLIENT_FOLDER = "client"


def access(data: Path) -> Access | None:
    """How to reach the server that runs on this data folder; None if none does."""
    running = presence.read(data)
    if running is None:
        return None
    return Access(running.endpoint, running.region, running.access_key_id, running.secret_access_key)


def variables(data: Path, reached: Access, inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of a client of that server."""
    return environment.variables(reached, data / CLIENT_FOLDER, inherited)


def client(service: str, reached: Access) -> Any:
    """A botocore client of that server."""
    import botocore.session

    session = botocore.session.Session()
    session.set_credentials(reached.access_key_id, reached.secret_access_key)
    return session.create_client(service, region_name=reached.region, endpoint_url=reached.endpoint)


def scope_of(set_up: Settings, name: str = "") -> Scope:
    """Where to look for a thing. An ARN says it; anything else is in the region of the folder's last server."""
    parsed = arns.parse(name)
    if parsed is not None:
        return Scope(parsed.account, parsed.region)
    served = presence.last(set_up.data)
    return Scope(set_up.account, served.region if served else set_up.region)


def complain(message: str) -> int:
    """Say on stderr what is wrong and what to do; the exit code is 1."""
    print(f"stepwell: {message}", file=sys.stderr)
    return 1


def no_server(data: Path) -> int:
    """The complaint that nothing serves this folder."""
    return complain(f"no server runs on {data}. Start one with: stepwell up --data {json.dumps(str(data))}")
