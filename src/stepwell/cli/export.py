"""`stepwell export MODEL bundle.zip`: everything that a model was made of, in one file.

The file holds the jobs that made the model and what these read, back to the data that nobody made, with the bytes,
what was in the environments, the pipeline's definition and the package. `stepwell reproduce bundle.zip` makes the
model again wherever Stepwell runs. Exit codes: 0 written, 1 bytes are gone, 2 bad use.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from stepwell import __version__, settings
from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.base.faults import Fault
from stepwell.blobs.folder import Blobs
from stepwell.cli import bundles, connection, data_folder, environment_words, reproduce, reproduce_lines
from stepwell.cli.bundles import BundleRefused
from stepwell.cli.data_folder import Folder
from stepwell.images.catalog_files import CatalogError
from stepwell.machines import bundle_secrets
from stepwell.machines.bundle_documents import Bundle
from stepwell.machines.reproduction import Held, NotedJob, Plan
from stepwell.services.sagemaker import bundled_rows, reproductions
from stepwell.settings import Settings


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", metavar="MODEL", help="a model package, training or processing job, or S3 URI")
    parser.add_argument("bundle", type=Path, metavar="BUNDLE.zip", help="the file to make")
    parser.add_argument("--force", action="store_true", help="replace the file if it is there")


def run(options: argparse.Namespace) -> int:
    try:
        if options.bundle.suffix != bundles.SUFFIX:
            raise BundleRefused(f"{options.bundle} must end in {bundles.SUFFIX}: that is how a bundle is known.")
        with data_folder.opened(options.data) as folder:
            return _exported(folder, options)
    except (Fault, BundleRefused, settings.SettingsError, CatalogError) as refused:
        message = refused.message if isinstance(refused, Fault) else str(refused)
        connection.complain(data_folder.printable(message))
        return reproduce.BAD_USE


def _exported(folder: Folder, options: argparse.Namespace) -> int:
    scope, blobs = connection.scope_of(folder.settings, options.what), folder.blobs
    with folder.database.read() as reading:
        alone = reproductions.plan(reading, scope, options.what, whole=False)
        whole = reproductions.plan(reading, scope, options.what, whole=True)
        package = bundled_rows.package(reading, scope, options.what)
        pipeline = bundled_rows.pipeline(reading, scope, whole)
    gone = list(reproduce.missing(reproduce.Source(alone, blobs, folder.database)))
    if gone:
        print("\n".join(reproduce_lines.gone_lines(gone, len(alone.needed()), 0)).strip())
        return 1
    jobs, left_out = _complete(whole, alone, blobs)
    files = {name: blobs.path(name) for job in jobs for name in _kept(job, blobs)}
    sums = {name: _sum(file) for name, file in files.items()}
    locks = _locks(folder.settings, jobs)
    place = _place(jobs)
    bundle = Bundle(
        place.account,
        place.region,
        whole.target,
        tuple(_renamed(job, sums) for job in jobs),
        {sums[name]: file.stat().st_size for name, file in files.items()},
        {name: lock.python for name, lock in locks.items()},
        (),
        package,
        pipeline,
        f"stepwell {__version__}",
    )
    public = bundle_secrets.without_secrets(bundle)
    _write(options, public, locks, {sums[name]: file for name, file in files.items()})
    print("\n".join(_lines(options.bundle, public, left_out)))
    return 0


def _write(
    options: argparse.Namespace,
    bundle: Bundle,
    locks: Mapping[str, environment_words.Lock],
    files: Mapping[str, Path],
) -> None:
    texts = {name: lock.text for name, lock in locks.items()}
    bundles.write(options.bundle, bundle, texts, files, force=options.force)


def _place(jobs: Sequence[NotedJob]) -> Scope:
    """The account and region of all the jobs. Raises BundleRefused when there are several."""
    parsed = {(arn.account, arn.region) for job in jobs if (arn := arns.parse(job.arn)) is not None}
    if len(parsed) != 1:
        raise BundleRefused("its jobs ran in several regions, which one bundle cannot hold.")
    return Scope(*parsed.pop())


def _complete(whole: Plan, alone: Plan, blobs: Blobs) -> tuple[list[NotedJob], list[str]]:
    """The jobs whose inputs are all there, and the names of others: the model can be made without those."""
    needed = {job.arn for job in alone.jobs}
    kept, left_out = [], []
    for job in whole.jobs:
        if job.arn in needed or all(blobs.path(each.blob).exists() for each in job.inputs):
            kept.append(job)
        else:
            left_out.append(job.name)
    return kept, left_out


def _kept(job: NotedJob, blobs: Blobs) -> Iterator[str]:
    """What the job read, and what it wrote as far as it is still there: that is compared with."""
    yield from (each.blob for each in job.inputs if blobs.path(each.blob).exists())
    yield from (each.blob for each in job.outputs if blobs.path(each.blob).exists())


def _sum(file: Path) -> str:
    """A blob that was put together of parts is not named by the hash of its bytes."""
    with file.open("rb") as source:
        return bundles.sha256_of(source)


def _renamed(job: NotedJob, sums: Mapping[str, str]) -> NotedJob:
    def piece(each: Held) -> Held:
        return replace(each, blob=sums.get(each.blob, each.blob))

    return replace(job, inputs=tuple(map(piece, job.inputs)), outputs=tuple(map(piece, job.outputs)))


def _locks(set_up: Settings, jobs: list[NotedJob]) -> dict[str, environment_words.Lock]:
    surroundings = environment_words.surroundings(set_up)
    found = {job.environment: surroundings.lock(job) for job in jobs}
    return {name: lock for name, lock in found.items() if lock is not None}


def _lines(path: Path, bundle: Bundle, left_out: list[str]) -> Iterator[str]:
    total = data_folder.size_text(path.stat().st_size)
    counted = reproduce_lines.counted
    yield f"{path}: {bundle.target.kind} {bundle.target.asked}, {total}"
    yield f"    {counted(len(bundle.jobs), 'job')}, {counted(len(bundle.blobs), 'object')} of data, code and models"
    for name, python in bundle.environments.items():
        yield f"    the lock of environment {name} (Python {python})"
    if bundle.package is not None:
        yield f"    model package {bundle.package.name}"
    if bundle.pipeline is not None:
        yield f"    the definition and parameters of {bundle.pipeline['execution']}"
    for name in left_out:
        yield f"    left out: the job {name}, whose data is gone; what it made is there"
    for name in bundle.withheld:
        yield f"    withheld: {data_folder.printable(name)}, which looks like a secret; the job runs without it"
    yield ""
    yield f"Anywhere:  stepwell reproduce {path.name}"
