"""What a user of the SageMaker SDK 2 writes to move data in and out of jobs. Prints what came of it.

Run by test_contract_job_data.py in the client's environment.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import sagemaker
from sagemaker.estimator import Estimator
from sagemaker.inputs import ShuffleConfig, TrainingInput
from sagemaker.processing import ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.s3 import S3Downloader, S3Uploader

IMAGE = "python:3.11"
PROCESS = """\
import json, pathlib, sys

host = json.load(open("/opt/ml/config/resourceconfig.json"))["current_host"]
names = sorted(path.name for path in pathlib.Path("/opt/ml/processing/listed").iterdir())
pathlib.Path("/opt/ml/processing/out", host).write_text(" ".join(names) + " " + sys.argv[1])
"""
TRAIN = """\
cd /opt/ml/input/data
cat streamed_0 | tr '\\n' ' ' > /opt/ml/model/streamed
gunzip -c < zipped/c.gz > /dev/null && cp zipped/c.gz /opt/ml/model/
cat wrapped_0 | head -c 4 | od -A n -t x1 > /opt/ml/model/wrapped
cat /opt/ml/checkpoints/old > /opt/ml/model/restored
echo new > /opt/ml/checkpoints/new
"""


def processed(session: sagemaker.Session, role: str, base: str) -> dict[str, str]:
    """Two hosts share the files that a manifest names."""
    manifest = json.dumps([{"prefix": f"{base}/in/"}, "a", "b"])
    S3Uploader.upload_string_as_file_body(manifest, f"{base}/manifest.json", sagemaker_session=session)
    processor = ScriptProcessor(
        image_uri=IMAGE,
        command=["python3"],
        role=role,
        instance_count=2,
        instance_type="ml.m5.large",
        sagemaker_session=session,
    )
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "process.py")
        script.write_text(PROCESS)
        processor.run(
            code=str(script),
            arguments=["argument"],
            inputs=[
                ProcessingInput(
                    source=f"{base}/manifest.json",
                    destination="/opt/ml/processing/listed",
                    s3_data_type="ManifestFile",
                    s3_data_distribution_type="ShardedByS3Key",
                )
            ],
            outputs=[
                ProcessingOutput(
                    source="/opt/ml/processing/out", destination=f"{base}/out", s3_upload_mode="Continuous"
                )
            ],
            logs=False,
        )
    return {host: read(session, f"{base}/out/{host}") for host in ("algo-1", "algo-2")}


def trained(session: sagemaker.Session, role: str, base: str) -> dict[str, Any]:
    """Channels of every mode, checkpoints, and a model that is not packed."""
    S3Uploader.upload_string_as_file_body("saved", f"{base}/points/old", sagemaker_session=session)
    S3Uploader.upload_string_as_file_body(TRAIN, f"{base}/code/train.sh", sagemaker_session=session)
    estimator = Estimator(
        image_uri=IMAGE,
        role=role,
        instance_count=1,
        instance_type="ml.m5.large",
        output_path=f"{base}/models",
        checkpoint_s3_uri=f"{base}/points",
        disable_output_compression=True,
        container_entry_point=["bash", "/opt/ml/input/data/code/train.sh"],
        sagemaker_session=session,
    )
    estimator.fit(
        {
            "code": f"{base}/code",
            "streamed": TrainingInput(f"{base}/in", input_mode="Pipe", shuffle_config=ShuffleConfig(7)),
            "zipped": TrainingInput(f"{base}/zip", input_mode="FastFile"),
            "wrapped": TrainingInput(f"{base}/in", input_mode="Pipe", record_wrapping="RecordIO"),
        },
        logs=False,
    )
    model = estimator.model_data["S3DataSource"]["S3Uri"]
    names = ("streamed", "wrapped", "restored")
    return {
        "model": model.removeprefix(f"{base}/models/{estimator.latest_training_job.name}/"),
        "files": {name: read(session, f"{model}{name}") for name in names},
        "points": sorted(uri.rpartition("/")[2] for uri in S3Downloader.list(f"{base}/points", session)),
    }


def read(session: sagemaker.Session, uri: str) -> str:
    return str(S3Downloader.read_file(uri, sagemaker_session=session))


def main(role: str) -> None:
    session = sagemaker.Session()
    base = f"s3://{session.default_bucket()}/job-data"
    for name in ("a", "b"):
        S3Uploader.upload_string_as_file_body(f"{name}\n", f"{base}/in/{name}", sagemaker_session=session)
    S3Uploader.upload_bytes(gzip.compress(b"d\n"), f"{base}/zip/c.gz", sagemaker_session=session)
    print(json.dumps({"processed": processed(session, role, base), "trained": trained(session, role, base)}))


if __name__ == "__main__":
    main(sys.argv[1])
