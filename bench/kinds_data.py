"""Large data of jobs: staging and uploading a GiB, and repacking a model of a GiB. In: a World. Out: rows.

A file system that can share bytes between files (reflink: XFS, Btrfs) makes staging free; on another one the kernel
copies. Where root may mount one, XFS in a file shows it whatever the disk has; how much room staging took is then
what the file system says.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import subprocess
import tarfile
import time
import zlib
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import peers
from kinds_world import PROCESSING_LOGS, ROLE, Report, Skipped, World, clocks, stepwell, verdict, wait

from stepwell.container import packing

BUCKET = "bench-data"
PIECE = 1 << 20
GIB = 1 << 30
REFLINKING = frozenset({"xfs", "btrfs", "bcachefs"})
SCRIPT = "date +%s.%N; sleep 0.5; mv /opt/ml/processing/in/data /opt/ml/processing/out/; date +%s.%N"
"""Half a second in which the benchmark looks how full the disk is; moving within /opt/ml is renaming."""


def staging(world: World, report: Report) -> None:
    """A GiB into a job and out of it, on the disk that is here and on one that shares bytes. Raises Skipped."""
    source = world.folder / "data"
    _fill(source, world.size(GIB, 16 << 20))
    _stage(report, world.server, source, world.folder)
    with _reflinking(world) as folder:
        peer = stepwell(folder / "server")
        try:
            _stage(report, peer, source, folder)
        finally:
            peer.stop()


def _stage(report: Report, peer: peers.Peer, source: Path, folder: Path) -> None:
    size, kind, s3 = source.stat().st_size, _file_system(folder), peer.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    sent = _seconds(lambda: s3.upload_file(str(source), BUCKET, "in/data"))
    copied = _seconds(lambda: _copy(source, folder / "copy"))
    os.sync()  # what is still to be written would slow down who comes next
    staged, uploaded, room = _job(peer, folder)
    is_shared = room < size / 10
    report.add(
        f"{kind}: staging {size >> 20} MiB of our own storage, create to user's code",
        f"{staged:.2f} s",
        f"cp: {copied:.2f} s",
        copied / staged,
        verdict(f"no copy ({room >> 20} MiB)", is_shared) if kind in REFLINKING else f"{kind} cannot share: copied",
    )
    report.add(
        f"{kind}: uploading {size >> 20} MiB of output, last line to end of job",
        f"{uploaded:.2f} s",
        f"boto3's upload_file: {sent:.2f} s",
        sent / uploaded,
    )


def _job(peer: peers.Peer, folder: Path) -> tuple[float, float, int]:
    """Seconds to the user's code and from its end, and by how many bytes the disk is fuller in between."""
    sagemaker, name = peer.client("sagemaker"), "large"
    _run(peer, "warm", "date +%s.%N", [])  # the environment is there, everything is loaded
    free, called = _free(folder), time.time()
    sagemaker.create_processing_job(**_request(name, SCRIPT, _inputs()))
    _wait_for_code(peer, name)
    room = max(0, free - _free(folder))
    job = wait(lambda: dict(sagemaker.describe_processing_job(ProcessingJobName=name)), "ProcessingJobStatus")
    begun, ended = clocks(peer, PROCESSING_LOGS, name)
    return begun - called, job["ProcessingEndTime"].timestamp() - ended, room


def _wait_for_code(peer: peers.Peer, name: str) -> None:
    """Until the job has written its first line. The part's time limit ends it if it never does."""
    while True:
        with contextlib.suppress(Skipped, ValueError):
            clocks(peer, PROCESSING_LOGS, name)
            return
        time.sleep(0.02)


def _run(peer: peers.Peer, name: str, script: str, inputs: list[dict[str, Any]]) -> None:
    sagemaker = peer.client("sagemaker")
    sagemaker.create_processing_job(**_request(name, script, inputs))
    wait(lambda: dict(sagemaker.describe_processing_job(ProcessingJobName=name)), "ProcessingJobStatus")


def _inputs() -> list[dict[str, Any]]:
    source = {
        "S3Uri": f"s3://{BUCKET}/in",
        "LocalPath": "/opt/ml/processing/in",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
    }
    return [{"InputName": "in", "S3Input": source}]


def _request(name: str, script: str, inputs: list[dict[str, Any]]) -> dict[str, Any]:
    output = {"S3Uri": f"s3://{BUCKET}/out", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30}
    return {
        "ProcessingJobName": name,
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": "python:3.11", "ContainerEntrypoint": ["sh", "-c", script]},
        "ProcessingResources": {"ClusterConfig": cluster},
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": output}]},
    }


def repack(world: World, report: Report) -> None:
    """The repacking step that the SDK adds to a pipeline, over a model that does not shrink and one that does."""
    peer, size = world.server, world.size(GIB, 8 << 20)
    s3 = peer.client("s3")
    s3.create_bucket(Bucket="bench-repack")
    world.user(peer, "repack", "bench-repack")
    for name, piece in (("random", os.urandom(PIECE)), ("compressible", os.urandom(PIECE // 2).hex().encode())):
        archive = world.folder / "model.tar.gz"
        _pack(archive, piece, size)
        packed = archive.stat().st_size
        s3.upload_file(str(archive), "bench-repack", f"{name}/model.tar.gz")
        archive.unlink()
        seconds = _repack(peer, f"s3://bench-repack/{name}/model.tar.gz")
        report.add(
            f"repack of a model, {name} bytes: {size >> 20} MiB in an archive of {packed >> 20} MiB",
            f"{seconds:.1f} s",
            "",
            None,
            verdict("under 10 s", seconds < 10),
        )


def _pack(archive: Path, piece: bytes, size: int) -> None:
    """A tar.gz as a training job leaves it, whose only file is `piece` again and again; it is compressed once."""
    member = tarfile.TarInfo("model.bin")
    member.size = size
    pieces = (member.tobuf(tarfile.GNU_FORMAT), *repeat(piece, size // len(piece)), bytes(tarfile.RECORDSIZE))
    crc, total, deflated = 0, 0, packing.deflated(piece)
    with archive.open("wb") as file:
        file.write(packing.HEADER)
        for each in pieces:
            crc, total = zlib.crc32(each, crc), total + len(each)
            file.write(deflated if each is piece else packing.deflated(each))
        file.write(packing.END + struct.pack("<II", crc, total & 0xFFFFFFFF))


def _repack(peer: peers.Peer, uri: str) -> float:
    """Seconds from the creation of the repacking job to its end."""
    sagemaker = peer.client("sagemaker")
    started = sagemaker.start_pipeline_execution(
        PipelineName="repack", PipelineParameters=[{"Name": "ModelData", "Value": uri}]
    )
    arn = started["PipelineExecutionArn"]
    wait(
        lambda: dict(sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)), "PipelineExecutionStatus", 60.0
    )
    steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
    (job,) = [each["Metadata"]["TrainingJob"]["Arn"] for each in steps if "TrainingJob" in each["Metadata"]]
    seen = sagemaker.describe_training_job(TrainingJobName=job.rpartition("/")[2])
    return float((seen["TrainingEndTime"] - seen["CreationTime"]).total_seconds())


def _fill(path: Path, size: int) -> None:
    piece = os.urandom(PIECE)
    with path.open("wb") as file:
        for _ in range(size // PIECE):
            file.write(piece)


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    target.unlink()


def _seconds(act: Any) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def _free(folder: Path) -> int:
    seen = os.statvfs(folder)
    return seen.f_bfree * seen.f_frsize


def _file_system(folder: Path) -> str:
    """The kind of file system that `folder` is on."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    over = [(target, kind) for _source, target, kind, *_ in mounts if folder.is_relative_to(target)]
    return max(over, key=lambda each: len(each[0]))[1] if over else "unknown"


@contextlib.contextmanager
def _reflinking(world: World) -> Iterator[Path]:
    """A folder on XFS, in a file that is mounted. Raises Skipped."""
    if os.getuid() != 0 or shutil.which("mkfs.xfs") is None:
        raise Skipped("a file system that shares bytes needs root and mkfs.xfs")
    image, folder = world.folder / "xfs.img", world.folder / "xfs"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(8 * GIB)
    for command in (
        ["mkfs.xfs", "-q", "-m", "reflink=1", str(image)],
        ["mount", "-o", "loop", str(image), str(folder)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        if done.returncode:
            raise Skipped(f"no file system that shares bytes: {done.stderr.strip()[-200:]}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)
        image.unlink()
