"""Room container: the repacking jobs of the SageMaker SDK 3, recognised and done without a container.

They do what those of the SDK 2 do (repacking.py) in another way: the job is one of `ModelTrainer`, with its code in
the channel `code` and the programs that start it in `sm_drivers`. In: a job's Plan, files of its channels. Out:
/opt/ml/model as sagemaker/mlops/workflow/_repack_model.py of the SDK 3 would leave it, or `Unusual`.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stepwell.container import unpacking
from stepwell.container.placement import below
from stepwell.container.plan import Location, Plan
from stepwell.container.repacking import CHANNEL, FULL, LAUNCHER, SCRIPT, VARIABLES, leaves_one_archive
from stepwell.container.staging import Checkpoint
from stepwell.container.training import DATA, FOLDERS, MODEL
from stepwell.container.unpacking import Unusual

CODE, DRIVERS = "code", "sm_drivers"
ENTRYPOINT = ("/bin/bash",)
ARGUMENTS = ("-c", f"chmod +x {DATA}/{DRIVERS}/sm_train.sh && {DATA}/{DRIVERS}/sm_train.sh")
HYPERPARAMETERS = frozenset({"inference_script", "model_archive", "source_dir"})
PLAIN = re.compile(r"[A-Za-z0-9_./:@+,=~][A-Za-z0-9_./:@+,=~-]*")
"""Values that arrive as they are, whatever shell and programs they pass through."""
PROGRAMS: Mapping[str, frozenset[str]] = {
    f"{CODE}/{SCRIPT}": frozenset(
        {
            "694beaf1f15d572b7e827ec38f0a985db73f64fb872db87b069d29d922b5e5b6",  # SDK 3.27
            "256ac51788448a979e4417245c269f0887ab52cc20efc28a80d8adb78a1a741f",  # 3.5 to 3.20
            "937614ddee92d1d4ab1f81bc3e641ec0c7d27c2bdc2544fafba340bc8d195657",  # 3.0 to 3.4
        }
    ),
    f"{CODE}/{LAUNCHER}": frozenset({"8d1d46afc5d661bffe39868ada7b342d619233d1b8d88e84388f516e64e5bef6"}),
    f"{DRIVERS}/sm_train.sh": frozenset({"5e792f4986cc5abfd4f6c8a6dde6388e7d707386c94ffa816013fc2e0e9997e7"}),
    f"{DRIVERS}/distributed.json": frozenset({"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}),
    f"{DRIVERS}/scripts/environment.py": frozenset(
        {
            "477270ae9658a165436098a459c0235d643e7ae117dc1b91ece44f4a389ca85f",  # 3.27
            "22c790b5cd2a9eabdd9512a2a2cb42e0e38c5662e02693b56a2f4c5ba13aba5c",  # 3.0 to 3.20
        }
    ),
    f"{DRIVERS}/distributed_drivers/basic_script_driver.py": frozenset(
        {
            "89bc9b8d8ac36b355cfbb07c5ce8d8e95a59612eff5f0698e3b25267fb17b2e2",  # 3.27
            "92c797fea1a754c51de0c6580574b5cfaca20d2a4a4552b23f2a8a55afea2476",  # 3.0 to 3.20
        }
    ),
    f"{DRIVERS}/common/utils.py": frozenset(
        {
            "f0e5b09ff275cfa22216252d4101910463b0a8a74c16cc0d0af40c7680715201",  # 3.27
            "aecc75543fa2c7378a09fd59543154144f19c0c0e9389c74fe18bd5e770702a6",  # 3.0 to 3.20
        }
    ),
}
"""SHA-256 of every program that such a job runs, by `<channel>/<path>`."""
SETTINGS = f"{DRIVERS}/sourcecode.json"
"""What the drivers are told to run."""

Read = Callable[[str], bytes | None]
"""The bytes of the file `<channel>/<path>`; None when it is not there, or large."""


@dataclass(frozen=True, slots=True)
class TrainerRepack:
    """What a repacking job is asked to do: all of its code becomes `code/`."""

    channels: Mapping[str, Location]
    """Where each channel's files lie."""
    archive: str
    """Name of the model's archive in its channel."""


def asked(plan: Plan, inputs: Mapping[str, object]) -> TrainerRepack | None:
    """What `plan` asks for, if it looks like a repacking job and asks for nothing else; its programs must still be
    looked at. `inputs` are its hyperparameters."""
    if plan.entrypoint != ENTRYPOINT or plan.arguments != ARGUMENTS or plan.environment.keys() - VARIABLES:
        return None
    if inputs.keys() != HYPERPARAMETERS or not all(PLAIN.fullmatch(str(value)) for value in inputs.values()):
        return None
    channels = {each.name: each for each in plan.inputs}
    if len(plan.hosts) != 1 or channels.keys() != {CHANNEL, CODE, DRIVERS} or not leaves_one_archive(plan):
        return None
    if any(each.listing != "prefix" or each.pipe is not None for each in channels.values()):
        return None
    archive = str(inputs["model_archive"]).rpartition("/")[2]
    return TrainerRepack({name: each.location for name, each in channels.items()}, archive) if archive else None


def is_known(read: Read) -> bool:
    """Whether the job runs the SDK's own programs, and nothing but the script."""
    for name, known in PROGRAMS.items():
        data = read(name)
        if data is None or hashlib.sha256(data).hexdigest() not in known:
            return False
    try:
        settings = json.loads(read(SETTINGS) or b"")
    except ValueError:
        return False
    if not isinstance(settings, dict) or settings.get("entry_script") != LAUNCHER:
        return False
    return not any(settings.get(name) for name in ("requirements", "command", "args"))


def carry_out(repack: TrainerRepack, root: Path, most_bytes: int, checkpoint: Checkpoint) -> None:
    """Fill the model's folder below `root`, a /opt/ml with the staged channels. Raises Unusual; Refusal for an
    archive of more than `most_bytes`; what `checkpoint` raises."""
    data, model = below(root, DATA), below(root, MODEL)
    try:
        if not is_known(lambda name: (data / name).read_bytes()):
            raise Unusual("its programs are not known")
        shutil.rmtree(model, ignore_errors=True)
        for inside in FOLDERS:
            below(root, inside).mkdir(parents=True, exist_ok=True)
        code = model / "code"
        code.mkdir()  # before the archive: one that has a file of that name is an error
        unpacking.unpack(data / CHANNEL / repack.archive, model, most_bytes, checkpoint, masks=True, only_gzip=True)
        shutil.rmtree(code)
        shutil.copytree(data / CODE, code, copy_function=shutil.copyfile)
        (code / LAUNCHER).chmod(0o755)  # as the driver does with a program that is not Python
    except OSError as error:
        if error.errno in FULL:
            raise
        raise Unusual(error.strerror or "its files are not as they should be") from error
