"""`stepwell up`: serve until interrupted.

Most of a start is imports. While they run, a thread tries out how jobs can be kept apart; and since nearly all that
is made before the first request stays until the end, it is kept from the garbage collector's rounds.
"""

from __future__ import annotations

import argparse
import gc
import logging
from concurrent.futures import ThreadPoolExecutor

from stepwell import presence, settings
from stepwell.cli.connection import complain
from stepwell.launchers.probe import find_isolation


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on; 0 picks a free one (default 4566)")
    parser.add_argument("--region", help="region that `stepwell env` names (default us-east-1)")
    parser.add_argument("--account", help="AWS account to be (default 123456789012)")
    parser.add_argument("--images", help="file with image catalog lines of your own")
    parser.add_argument("--launcher", help="what runs images: process (the default) or docker")
    parser.add_argument("--cache", help="what cached steps compare of their inputs: uri (as AWS) or content")
    parser.add_argument("--isolation", help="how jobs are kept apart: bubblewrap or namespaces")
    parser.add_argument("--cpus", type=int, help="processors that jobs may claim together (default: all)")
    parser.add_argument("--instances", help="file that says what instance types have here")
    parser.add_argument(
        "--strict", action="store_true", default=None, help="refuse images whose exact versions cannot be had"
    )


def run(options: argparse.Namespace) -> int:
    gc.disable()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    given = {name: value for name, value in vars(options).items() if name != "command"}
    try:
        chosen = settings.load(given)
    except settings.SettingsError as error:
        return complain(str(error))
    with ThreadPoolExecutor(1) as aside:
        isolation = aside.submit(find_isolation, chosen.isolation or None)
        from stepwell import app

    try:
        return app.serve(chosen, isolation.result, ready=_announce)
    except (presence.CannotClaim, app.CannotServe) as error:
        return complain(str(error))


def _announce(endpoint: str, chosen: settings.Settings) -> None:
    gc.freeze()
    gc.enable()
    folder = f" --data {chosen.data}"
    print(
        f"stepwell is ready at {endpoint}\n"
        f"\n"
        f"  one command:  stepwell run{folder} -- python my_pipeline.py\n"
        f'  this shell:   eval "$(stepwell env{folder})"\n'
        f"  what runs:    stepwell watch{folder}\n"
        f"  stop:         Ctrl-C; jobs go on, and the next `stepwell up` takes them over",
        flush=True,
    )
