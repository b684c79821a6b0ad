"""What a user of the SageMaker SDK 2 writes to register a model with a script of their own: the SDK adds a step that
repacks the model. Prints the names of its training jobs.

Run by test_contract_repack.py in the client's environment.
"""

from __future__ import annotations

import io
import json
import sys
import tarfile
import tempfile
from pathlib import Path

from sagemaker.sklearn import SKLearn
from sagemaker.workflow.parameters import ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.step_collections import RegisterModel


def archive() -> bytes:
    """A model as a training job may leave it, with permissions and times that must not get lost."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as members:
        for name, mode, text in (
            ("./model.bin", 0o664, b"weights" * 999),
            ("tools/run", 0o777, b"#!/bin/sh\n"),
            ("code/inference.py", 0o600, b"raise SystemExit('the old one')\n"),
            ("code/old.py", 0o644, b""),
        ):
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(text), mode, 1_600_000_000
            members.addfile(member, io.BytesIO(text))
        folder = tarfile.TarInfo("empty")
        folder.type, folder.mode, folder.mtime = tarfile.DIRTYPE, 0o775, 1_500_000_000
        members.addfile(folder)
    return data.getvalue()


def main(role: str) -> None:
    session = PipelineSession()
    bucket = session.default_bucket()
    session.boto_session.client("s3").put_object(Bucket=bucket, Key="repack/model.tar.gz", Body=archive())
    model_data = ParameterString("ModelData", default_value=f"s3://{bucket}/repack/model.tar.gz")
    with tempfile.TemporaryDirectory() as folder:
        source, library, single = Path(folder, "source"), Path(folder, "library"), Path(folder, "single.py")
        (source / "inner").mkdir(parents=True)
        library.mkdir()
        (source / "inference.py").write_text("import inner.more\n")
        (source / "inner" / "more.py").write_text("")
        (source / "requirements.txt").write_text("no-such-package-of-this-name==1.2.3\n")
        (library / "lib.py").write_text("x = 1\n")
        single.write_text("y = 2\n")
        ways = {
            "alone": {"entry_point": str(source / "inference.py")},
            "folder": {"entry_point": "inference.py", "source_dir": str(source)},
            "file": {"entry_point": str(source / "inference.py"), "dependencies": [str(single)]},
            "library": {"entry_point": str(source / "inference.py"), "dependencies": [str(library)]},
        }
        estimator = SKLearn(
            "inference.py",
            source_dir=str(source),
            framework_version="1.2-1",
            role=role,
            instance_type="ml.m5.large",
            sagemaker_session=session,
        )
        steps = [
            RegisterModel(
                way,
                estimator=estimator,
                model_data=model_data,
                content_types=["text/csv"],
                response_types=["text/csv"],
                inference_instances=["ml.m5.large"],
                transform_instances=["ml.m5.large"],
                model_package_group_name=f"repack-{way}",
                **code,
            )
            for way, code in ways.items()
        ]
        pipeline = Pipeline("repack", parameters=[model_data], steps=steps, sagemaker_session=session)
        pipeline.upsert(role)
    execution = pipeline.start()
    execution.wait(delay=1, max_attempts=200)
    done = {step["StepName"]: step["Metadata"] for step in execution.list_steps()}
    jobs = {name: each["TrainingJob"]["Arn"] for name, each in done.items() if "TrainingJob" in each}
    print(json.dumps({name.partition("-")[0]: arn.rpartition("/")[2] for name, arn in jobs.items()}))


main(sys.argv[1])
