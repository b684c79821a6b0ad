"""`stepwell spin PIPELINE STEP --set PATH=VALUE ... | --from EXECUTION`: one step alone, without an execution.

What earlier steps would have left is given, or taken from an execution. The job is made through the API, resolved as
the engine resolves it; it writes below a prefix of its own, and its tags say what it derives from. Starts a server
when none runs. Exit codes: 0 it succeeded, 1 it did not, 2 it cannot be run as asked, 130 Ctrl-C (the job goes on).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable

from stepwell import settings
from stepwell.base import clock, ids
from stepwell.base.faults import Fault
from stepwell.cli import connection, spin_steps
from stepwell.cli.run import NotReady, server
from stepwell.cli.spin_steps import Account, Outcome, Refused
from stepwell.cli.watch_words import printable
from stepwell.client.environment import Access
from stepwell.services.sagemaker import spins
from stepwell.services.sagemaker.spins import Spin, Wish
from stepwell.settings import Settings
from stepwell.steps import registry
from stepwell.store import tables
from stepwell.store.database import Database

__all__ = ["configure", "run", "tables"]

CANNOT = 2
INTERRUPTED = 130
RUNS = "Processing, Training, Tuning, Lambda and Condition"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pipeline", metavar="PIPELINE", help="its name or ARN; its latest version counts")
    parser.add_argument("step", metavar="STEP", help=f"the step to run: {RUNS} steps can")
    parser.add_argument(
        "--set",
        metavar="PATH=VALUE",
        action="append",
        default=[],
        dest="given",
        help="a value that the step reads, such as Steps.Train.ModelArtifacts.S3ModelArtifacts=s3://..., "
        "Parameters.Depth=5 or ForEach.CurrentItem=...; may be repeated",
    )
    parser.add_argument(
        "--from",
        metavar="EXECUTION",
        dest="source",
        help="take every other value from this execution (its ARN, PIPELINE/ID, or PIPELINE for its latest)",
    )
    parser.add_argument("--yes", action="store_true", help="also steps that make models or packages, not only jobs")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON; the progress on stderr")


def run(options: argparse.Namespace) -> int:
    set_up = settings.load({"data": options.data})
    if not (set_up.data / "stepwell.db").exists():
        return _cannot(f"there is no data in {set_up.data}. Name the server's folder with --data.")
    try:
        spin = _gathered(options, set_up)
        _require_runnable(spin, yes=options.yes)
        outcome = _served(set_up, lambda access: spin_steps.perform(Account(access), spin, _teller(options)))
    except Fault as fault:
        return _cannot(fault.message)
    except Refused as refusal:
        return _cannot(str(refusal))
    except NotReady as error:
        return _cannot(f"the server did not start:\n{error}")
    except KeyboardInterrupt:
        print("stepwell: no longer watching; what was created goes on", file=sys.stderr)
        return INTERRUPTED
    _tell(outcome, spin, is_json=options.json)
    return 0 if outcome.is_good else 1


def _gathered(options: argparse.Namespace, set_up: Settings) -> Spin:
    """What is to be run. Raises Fault."""
    scope = connection.scope_of(set_up, options.pipeline)
    wish = Wish(options.pipeline, options.step, options.given, options.source)
    database = Database(set_up.data / "stepwell.db")
    try:
        with database.read() as reading:
            return spins.gathered(reading, scope, wish, f"spin{ids.token(8)}", clock.now())
    finally:
        database.close()


def _require_runnable(spin: Spin, *, yes: bool) -> None:
    """Raises Refused for steps that cannot run alone, or that would leave more than a job behind."""
    kind = registry.of(spin.step.type)
    if kind.kind not in ("job", "lambda", "condition"):
        raise Refused(f"{spin.step.name} is a {spin.step.type} step, which cannot run alone. {RUNS} steps can.")
    if kind.job is not None and kind.job.stop is None and not yes:
        raise Refused(
            f"{spin.step.name} is a {spin.step.type} step: it would make a {kind.job.noun} that stays, and is no "
            "trial. Say --yes to do it all the same."
        )


def _served(set_up: Settings, perform: Callable[[Access], Outcome]) -> Outcome:
    """Perform with the server of this data folder, or with one that runs as long."""
    access = connection.access(set_up.data)
    if access is not None:
        return perform(access)
    with server(set_up.data) as started:
        return perform(started)


def _teller(options: argparse.Namespace) -> Callable[[str], None]:
    stream = sys.stderr if options.json else sys.stdout
    return lambda line: print(printable(line), file=stream, flush=True)


def _tell(outcome: Outcome, spin: Spin, *, is_json: bool) -> None:
    if is_json:
        print(json.dumps(_document(outcome, spin), indent=2))
        return
    rows = [*outcome.outputs, *((name, f"{value:.6g}") for name, value in outcome.metrics.items())]
    wide = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        print(f"  {printable(name):{wide}}  {printable(value)}")
    if outcome.reason:
        print(f"  {printable(outcome.reason)}")
    if outcome.name and not outcome.is_good:
        print(f"\nnext: stepwell logs {outcome.name}")


def _document(outcome: Outcome, spin: Spin) -> dict[str, object]:
    return {
        "step": spin.step.name,
        "type": spin.step.type,
        "spin": spin.origin.id,
        "derived_from": spin.origin.derived_from,
        "name": outcome.name,
        "arn": outcome.arn,
        "status": outcome.status,
        "reason": outcome.reason,
        "outputs": dict(outcome.outputs),
        "metrics": outcome.metrics,
    }


def _cannot(message: str) -> int:
    connection.complain(message)
    return CANNOT
