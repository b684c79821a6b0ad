"""`stepwell up`: serve until interrupted."""

from __future__ import annotations

import argparse
import logging

from stepwell import presence, settings
from stepwell.cli.connection import complain


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on; 0 picks a free one (default 4566)")
    parser.add_argument("--region", help="region that `stepwell env` names (default us-east-1)")
    parser.add_argument("--account", help="AWS account to be (default 123456789012)")
    parser.add_argument("--images", help="file with image catalog lines of your own")
    parser.add_argument("--isolation", help="how jobs are kept apart: bubblewrap or namespaces")
    parser.add_argument(
        "--strict", action="store_true", default=None, help="refuse images whose exact versions cannot be had"
    )


def run(options: argparse.Namespace) -> int:
    from stepwell import app

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    given = {name: value for name, value in vars(options).items() if name != "command"}
    try:
        return app.serve(settings.load(given), ready=_announce)
    except (settings.SettingsError, presence.AlreadyServed, app.CannotServe) as error:
        return complain(str(error))


def _announce(endpoint: str, chosen: settings.Settings) -> None:
    folder = f" --data {chosen.data}"
    print(
        f"stepwell is ready at {endpoint}\n"
        f"\n"
        f"  one command:  stepwell run{folder} -- python my_pipeline.py\n"
        f'  this shell:   eval "$(stepwell env{folder})"\n'
        f"  stop:         Ctrl-C; jobs go on, and the next `stepwell up` takes them over",
        flush=True,
    )
