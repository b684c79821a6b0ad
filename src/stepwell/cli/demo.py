"""`stepwell demo`: a whole pipeline on real data, seen from outside, and proof that it happened.

In: the checkout's examples/churn and a place for data. It makes a client environment with the SageMaker SDK (kept in
the user's cache), starts a server of its own on a free port, runs the churn pipeline twice (the second time with
another depth of trees), and shows the progress of every step. Out: tables of steps, the metric read from the
evaluation report, the registered model packages; exit code 0 only when the API and S3 confirm all of it.
This command is a client: it knows the server by its command line and by HTTP alone.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from stepwell.cli.demo_client import EXAMPLE, Account, Disproof, account, client_python
from stepwell.cli.demo_progress import follow, list_steps, show_failures, step_table, step_types, tail
from stepwell.cli.demo_proof import Proof, prove
from stepwell.cli.run import NotReady, server

SECOND_DEPTH = 3
PLAIN_WIDTH = 140


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `stepwell demo`."""
    parser.add_argument(
        "--keep", action="store_true", help="keep the temporary folder that stands in for a missing --data"
    )
    parser.add_argument("--timeout", type=float, default=900.0, help="seconds that one run of the pipeline may take")


def run(options: argparse.Namespace) -> int:
    """Do the demo; 0 when everything is proven, 1 when anything is not."""
    console = Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)
    if not (EXAMPLE / "pipeline.py").is_file():
        console.print(f"[red]There is no {EXAMPLE}: the demo runs in a checkout of Stepwell (make demo).")
        return 1
    folder = Path(tempfile.mkdtemp(prefix="stepwell-demo-"))
    data = Path(options.data).absolute() if options.data else folder / "data"
    try:
        perform(console, folder, data, options.timeout)
    except (Disproof, NotReady) as problem:
        console.print(f"[red]✗[/] {escape(str(problem))}", highlight=False)
        console.print(f"Logs are kept in {folder}.", highlight=False)
        return 1
    if options.keep:
        console.print(f"Kept: {folder}", highlight=False)
    else:
        # An environment's byte code may still be being compiled into the folder: what is in use stays.
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def perform(console: Console, folder: Path, data: Path, timeout: float) -> None:
    """The demo from beginning to end. Raises Disproof at the first thing that is not as it should be."""
    python = client_python(console, Path.home() / ".cache" / "stepwell" / "clients")
    with server(data) as reached:
        console.print(f"Server: {reached.endpoint}   data: {data}", highlight=False)
        caller = account(reached, data, folder)
        first = run_once(console, caller, python, [], timeout)
        second = run_once(console, caller, python, ["--max-depth", str(SECOND_DEPTH)], timeout)
    if first.package == second.package:
        raise Disproof("both runs name the same model package")
    if second.depth != str(SECOND_DEPTH):
        raise Disproof(f"the second run trained with max_depth {second.depth}, not {SECOND_DEPTH}")
    console.print("[green]✓[/] Both runs trained, evaluated and registered a model of their own.")


def run_once(console: Console, account: Account, python: Path, arguments: list[str], timeout: float) -> Proof:
    """Start the pipeline with the SDK, follow it to its end, prove and show what it made."""
    console.rule(" ".join(["python pipeline.py", *arguments]))
    arn = start(account, python, arguments)
    console.print(arn, highlight=False)
    status = follow(console, account.sagemaker, arn, timeout)
    steps = list_steps(account.sagemaker, arn)
    console.print(step_table(step_types(account.sagemaker, arn), steps, waiting=False))
    if status != "Succeeded":
        show_failures(console, account.logs, steps)
        raise Disproof(f"the execution ended as {status}")
    proof = prove(account, arn, steps)
    console.print(f"AUC on the test set: [bold]{proof.auc:.4f}[/] (threshold {proof.threshold:g})")
    console.print(f"Model package: {proof.package}", highlight=False, soft_wrap=True)
    console.print(f"Model: {proof.model} ({proof.model_bytes:,} bytes unpacked)", highlight=False, soft_wrap=True)
    return proof


def start(account: Account, python: Path, arguments: list[str]) -> str:
    """Run the example as its user would; answers the ARN of the execution that it started."""
    log = account.folder / "client.log"
    with log.open("ab") as sink:
        answer = subprocess.run(
            [str(python), str(EXAMPLE / "pipeline.py"), "--no-wait", *arguments],
            env={**os.environ, **account.environment},
            stdout=subprocess.PIPE,
            stderr=sink,
            check=False,
        )
    output = answer.stdout.decode(errors="replace")
    if answer.returncode != 0 or not output.strip():
        # The SDK's own traceback goes to standard output.
        raise Disproof(f"pipeline.py failed:\n{tail(log.read_text(errors='replace') + output)}")
    return output.split()[-1]
