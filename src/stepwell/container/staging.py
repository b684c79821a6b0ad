"""Room container: brings input data to this machine. In: a Plan and the Objects. Out: files, and which objects
they were; or Refusal.

The tree is made afresh each time, and nothing but us writes to it before the container starts, so no path of it can
be a link. Copies run side by side only when there are many: threads cost more than a handful of clones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from stepwell.container import piping, placement
from stepwell.container.objects import Objects, StorageRefused, StoredObject, exactly
from stepwell.container.placement import Placement, below
from stepwell.container.plan import Input, Location, Pipe, Plan, Refusal, location
from stepwell.container.volumes import Room

SIDE_BY_SIDE = 4
FEW = 8
"""Up to this many objects are copied one after the other."""
MANIFEST_LIMIT = 64 << 20


class Interrupted(Exception):
    """Somebody asked to stop while the data was being laid out."""


Checkpoint = Callable[[], None]
"""Called before each object; raises Interrupted when the job is to stop."""


@dataclass(frozen=True, slots=True)
class Brought:
    """An object that the job reads, and the name of the input that it is in."""

    input: str
    item: StoredObject


def bring(plan: Plan, roots: dict[str, Path], objects: Objects, checkpoint: Checkpoint) -> tuple[Brought, ...]:
    """Bring the inputs of every host below its /opt/ml, in `roots` by host; answers what was brought, each object of
    an input once. Raises Refusal, Interrupted."""
    for wanted in plan.inputs:
        for root in _targets(wanted, plan, roots) if wanted.pipe is None else ():
            below(root, wanted.target).mkdir(parents=True, exist_ok=True)
    room = Room(plan, roots)
    return tuple(
        Brought(wanted.name, item)
        for wanted in plan.inputs
        for item in _bring(wanted, plan, roots, room, objects, checkpoint)
    )


def _targets(wanted: Input, plan: Plan, roots: dict[str, Path]) -> list[Path]:
    return [roots[host] for host in plan.receivers(wanted)]


def _bring(
    wanted: Input, plan: Plan, roots: dict[str, Path], room: Room, objects: Objects, checkpoint: Checkpoint
) -> Sequence[StoredObject]:
    targets = _targets(wanted, plan, roots)
    try:
        if wanted.pipe is not None:
            records = _records(wanted, plan, objects)
            _pipe(wanted, wanted.pipe, records, targets, objects, checkpoint)
            items = (item for record in records for item in record if isinstance(item, StoredObject))
            return list(dict.fromkeys(items))
        placements = _placements(wanted, plan, objects)
        for index, root in enumerate(targets):
            # With fewer objects than hosts some get none, as on AWS.
            mine = placement.share(placements, index, len(targets)) if wanted.sharded else placements
            room.take(root, wanted.name, (each.item for each in mine if not each.is_folder))
            _copy(mine, below(root, wanted.target), objects, checkpoint)
        return [each.item for each in placements if not each.is_folder]
    except StorageRefused as error:
        raise _download_failed(wanted, plan, error.code, error.message) from error


def _pipe(
    wanted: Input,
    pipe: Pipe,
    records: Sequence[piping.Record],
    targets: Sequence[Path],
    objects: Objects,
    checkpoint: Checkpoint,
) -> None:
    def place(item: StoredObject, target: Path) -> None:
        checkpoint()
        objects.place(item, target)

    for index, root in enumerate(targets):
        mine = records[index :: len(targets)] if wanted.sharded else records
        piping.lay_out(wanted, pipe, mine, root, place)


def _records(wanted: Input, plan: Plan, objects: Objects) -> list[piping.Record]:
    if wanted.listing != "augmented":
        return [(each.item,) for each in _placements(wanted, plan, objects) if not each.is_folder]

    def find(uri: str) -> StoredObject:
        item = _object_at(location(uri), objects)
        if item is None:
            raise Refusal(f"Data download failed:The augmented manifest names {uri}, which does not exist.")
        return item

    listing = _listing(wanted, plan, objects)
    return list(piping.augmented(objects.read(listing), wanted.attributes, wanted.location, find))


def _placements(wanted: Input, plan: Plan, objects: Objects) -> list[Placement]:
    if wanted.listing == "manifest":
        return placement.in_manifest(_manifest_entries(wanted, plan, objects))
    found = list(objects.under(wanted.location.bucket, wanted.location.key))
    placements = placement.under_prefix(wanted.location, found)
    if not placements and not wanted.optional:
        raise _download_failed(wanted, plan, "NoSuchKey", "")
    return placements


def _manifest_entries(wanted: Input, plan: Plan, objects: Objects) -> Iterator[tuple[str, StoredObject]]:
    listing = _listing(wanted, plan, objects)
    prefix, suffixes = placement.manifest(objects.read(listing), wanted.location)
    for suffix in suffixes:
        where = location(prefix + suffix)
        item = _object_at(where, objects)
        if item is None:
            raise Refusal(f"Data download failed:The manifest names {where}, which does not exist.")
        yield suffix, item


def _listing(wanted: Input, plan: Plan, objects: Objects) -> StoredObject:
    """The manifest itself, which may be read. Raises Refusal."""
    found = _object_at(wanted.location, objects)
    if found is None:
        raise _download_failed(wanted, plan, "NoSuchKey", "")
    if found.size > MANIFEST_LIMIT:
        raise Refusal(f"Data download failed:The manifest {wanted.location} is larger than 64 MiB.")
    return found


def _object_at(where: Location, objects: Objects) -> StoredObject | None:
    return exactly(objects, where.bucket, where.key)


def _copy(placements: Sequence[Placement], target: Path, objects: Objects, checkpoint: Checkpoint) -> None:
    for folder in sorted({_folder_of(each) for each in placements}):
        _make_folder(target, folder)
    files = [each for each in placements if not each.is_folder]

    def one(each: Placement) -> None:
        checkpoint()
        try:
            objects.place(each.item, target / each.path)
        except FileExistsError as error:
            raise Refusal(f"Data download failed:Two inputs would write the same file {each.path}.") from error

    if len(files) <= FEW:
        for each in files:
            one(each)
        return
    with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="stepwell-download") as pool:
        try:
            for _ in pool.map(one, files):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _folder_of(each: Placement) -> str:
    return each.path if each.is_folder else each.path.rpartition("/")[0]


def _make_folder(target: Path, folder: str) -> None:
    try:
        (target / folder).mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise Refusal(f"Data download failed:{folder} is a file of one input and a directory of another.") from error


def _download_failed(wanted: Input, plan: Plan, code: str, message: str) -> Refusal:
    if code in ("NoSuchKey", "NoSuchBucket"):
        return Refusal(
            f'Data download failed:No S3 objects found under S3 URL "{wanted.location}" given in input data source '
            f'"{wanted.name}". Please ensure that the bucket exists in the selected region, that objects exist under '
            f'that S3 prefix, and that the role "{plan.role_arn}" has "s3:ListBucket" permissions on bucket '
            f'"{wanted.location.bucket}". Error code: {code}'
        )
    return Refusal(f'Data download failed:S3 refused "{wanted.location}" of input "{wanted.name}": {code}: {message}')
