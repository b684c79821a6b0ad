"""Room runtime: repacking jobs of the SDK, done by this server itself (`container/repacking.py`). In: a Look.

Whether a job is one is found out once, before it would wait for room: it takes none and needs no environment. The
archive of its code (of the SDK 3: the script) is put into its folder then, and as long as it lies there the job has
no container: a server that comes after a crash goes on in the same way, whatever has become of the object. What turns
out to be unusual loses it again, and is a job as any other from there on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stepwell.blobs.folder import Blobs
from stepwell.container import repacking, repacking_trainer, tidying
from stepwell.container.objects import Objects, StorageRefused, StoredObject, exactly
from stepwell.container.repacking import SCRIPT, Repack
from stepwell.container.repacking_trainer import TrainerRepack
from stepwell.container.staging import Checkpoint
from stepwell.container.unpacking import Unusual
from stepwell.machines.job_outcomes import HostEnd
from stepwell.runtime.job_looks import Look
from stepwell.runtime.job_tools import IMAGE_PROBLEMS, Report, Tools

ENTRY = "script-mode"
"""The program of scikit-learn images, which the SDK takes for it (`images.catalog.Image.entry`)."""
LARGEST_CODE = 256 << 20
VOLUME_GIB = 30
"""What the SDK asks for."""
DONE = "This is the repacking job of the SageMaker SDK. Stepwell did it itself: no container ran."


@dataclass(frozen=True, slots=True)
class LentObjects:
    """Lays out links to the blobs themselves: who reads here is this server, which writes nothing there. Meets
    container.objects.Objects."""

    objects: Objects
    blobs: Blobs

    def under(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        return self.objects.under(bucket, prefix)

    def read(self, item: StoredObject) -> bytes:
        return self.objects.read(item)

    def place(self, item: StoredObject, target: Path) -> None:
        target.symlink_to(self.blobs.path(item.content).absolute())

    def put(self, bucket: str, key: str, source: Path) -> None:
        self.objects.put(bucket, key, source)

    def give(self, bucket: str, key: str, source: Path) -> None:
        self.objects.give(bucket, key, source)


def asked(look: Look) -> Repack | TrainerRepack | None:
    """What the job asks for, if it may be a repacking job. Raises Refusal."""
    document = look.record.document
    hyperparameters = document.get("HyperParameters")
    if look.record.kind.name != "training" or not hyperparameters:
        return None
    if document.get("ResourceConfig", {}).get("KeepAlivePeriodInSeconds"):
        return None
    plan = look.plan()
    return repacking.asked(plan, hyperparameters) or repacking_trainer.asked(plan, hyperparameters)


def recognise(tools: Tools, look: Look) -> bool:
    """Whether it is one; then the archive of its code lies in its folder from here on. Raises Refusal, OSError."""
    wanted, code = asked(look), look.place.repack
    if wanted is None:
        return False
    code.unlink(missing_ok=True)
    with suppress(*IMAGE_PROBLEMS, StorageRefused):  # the job says so itself
        image, objects = look.image(), tools.objects(look.scope)
        if image.launcher != "process" or image.entry != ENTRY:
            return False
        item = _code(wanted, objects)
        if item is None or item.size > LARGEST_CODE:
            return False
        draft = code.with_name(f"{code.name}.new")
        draft.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        objects.place(item, draft)
        if isinstance(wanted, TrainerRepack) or repacking.is_known(draft):
            draft.rename(code)
            return True
        draft.unlink()
    return False


def _code(wanted: Repack | TrainerRepack, objects: Objects) -> StoredObject | None:
    """The object that says what the job runs; None when that is not there, or known not to be the SDK's."""
    if isinstance(wanted, Repack):
        return exactly(objects, wanted.code.bucket, wanted.code.key)

    def find(name: str) -> StoredObject | None:
        channel, _, path = name.partition("/")
        where = wanted.channels[channel].below(path)
        return exactly(objects, where.bucket, where.key)

    def read(name: str) -> bytes | None:
        item = find(name)
        return objects.read(item) if item is not None and item.size <= repacking.LARGEST_TEXT else None

    return find(f"{repacking_trainer.CODE}/{SCRIPT}") if repacking_trainer.is_known(read) else None


def is_ours(look: Look) -> bool:
    """Whether the job is done without a container."""
    return look.place.repack.exists()


def carry_out(look: Look, roots: Sequence[Path], report: Report, checkpoint: Checkpoint) -> bool:
    """Make the model of the job, whose data is staged. False: it is a job as any other after all. Raises Refusal,
    OSError, staging.Interrupted."""
    wanted, place, (root,) = asked(look), look.place, roots
    if wanted is None:
        return False
    gib = look.record.document.get("ResourceConfig", {}).get("VolumeSizeInGB") or VOLUME_GIB
    try:
        if isinstance(wanted, TrainerRepack):
            repacking_trainer.carry_out(wanted, root, gib << 30, checkpoint)
        else:
            repacking.carry_out(wanted, place.repack, root, place.scratch, gib << 30, checkpoint)
    except Unusual as unusual:
        report(f"This is the repacking job of the SageMaker SDK, but {unusual}; so a container runs it.")
        place.repack.unlink()
        for each in roots:
            tidying.remove(each)
        return False
    report(DONE)
    added = wanted.script if isinstance(wanted, Repack) and not wanted.whole else "its code"
    report(f"{wanted.archive} has got {added} under code/.")
    return True


def ended(look: Look) -> tuple[HostEnd, ...]:
    """How the container ended that never was. Raises Refusal."""
    return tuple(HostEnd(host, code=0) for host in look.plan().hosts)
