"""`stepwell import bundle.zip`: the jobs, data and package of a bundle, to be looked at and made again here.

All of it or nothing: what is there already and is the same stays, what is there and is another refuses the whole.
Works beside a running server. Exit codes: 0 imported, 1 something else is there, 2 bad use or a bad bundle.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from stepwell import settings
from stepwell.base import clock
from stepwell.blobs.folder import Blobs
from stepwell.cli import bundles, connection, data_folder, reproduce, reproduce_lines
from stepwell.cli.bundles import BundleRefused, Opened
from stepwell.machines.bundle_documents import Bundle
from stepwell.services.sagemaker import bundled_rows
from stepwell.services.sagemaker.bundled_rows import Brought, Conflicts
from stepwell.settings import Settings
from stepwell.store import tables
from stepwell.store.database import Database

__all__ = ["configure", "run", "tables"]

FIRST = 5
"""So many conflicts are named."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, metavar="BUNDLE.zip", help="a file of `stepwell export`")


def run(options: argparse.Namespace) -> int:
    try:
        set_up = settings.load({"data": options.data})
        with bundles.opened(options.bundle) as found:
            _check(set_up, found.bundle, options.bundle)
            found.verify()
            brought = _import(set_up, found)
    except (BundleRefused, settings.SettingsError) as refused:
        connection.complain(data_folder.printable(str(refused)))
        return reproduce.BAD_USE
    except Conflicts as conflicts:
        shown = "\n".join(f"    {data_folder.printable(each)}" for each in conflicts.found[:FIRST])
        more = f"\n    ... and {len(conflicts.found) - FIRST} more" if len(conflicts.found) > FIRST else ""
        return connection.complain(f"nothing was imported, because in {set_up.data}\n{shown}{more}")
    _show(found.bundle, brought)
    return 0


def _check(set_up: Settings, bundle: Bundle, path: Path) -> None:
    """Raises BundleRefused."""
    if bundle.account != set_up.account:
        raise BundleRefused(
            f"{path} is of account {bundle.account}, and {set_up.data} belongs to {set_up.account}. Import it into "
            f'another folder whose stepwell.toml says account = "{bundle.account}"; '
            "`stepwell reproduce` needs no import."
        )
    bundles.require_sound(path, bundle)


def _import(set_up: Settings, found: Opened) -> Brought:
    set_up.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    blobs = Blobs(set_up.data / "blobs")
    found.keep(blobs)
    digests = {name: blobs.digests(name, ["md5"])["md5"].hex() for name in found.bundle.blobs}
    database = Database(set_up.data / "stepwell.db")
    try:
        with database.write() as transaction:
            return bundled_rows.bring(transaction, found.bundle, digests, found.path.name, clock.now())
    finally:
        database.close()


def _show(bundle: Bundle, brought: Brought) -> None:
    counted = reproduce_lines.counted
    print(f"{bundle.target.kind} {data_folder.printable(bundle.target.asked)}")
    print(f"    {counted(brought.jobs, 'job')}, {counted(brought.objects, 'object')} and ", end="")
    print(f"{counted(brought.packages, 'model package')} are new here; {brought.known} were there already")
    for name in bundle.withheld:
        print(f"    withheld by who exported it: {data_folder.printable(name)}")
    print(f"\nMake it again:  stepwell reproduce {data_folder.printable(bundle.target.asked)}")
