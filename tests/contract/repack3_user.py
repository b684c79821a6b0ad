"""What a user of the SageMaker SDK 3 writes to register a model with inference code of their own: the SDK adds a step
that repacks the model. Prints the names of its training jobs.

Run by test_contract_repack3.py in the client's environment.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from sagemaker.core.resources import PipelineExecution
from sagemaker.core.training.configs import SourceCode
from sagemaker.core.workflow.parameters import ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.serve.model_builder import ModelBuilder

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


def main(role: str, archive: str) -> None:
    session = PipelineSession()
    bucket = session.default_bucket()
    session.boto_session.client("s3").upload_file(archive, bucket, "repack3/model.tar.gz")
    model_data = ParameterString("ModelData", default_value=f"s3://{bucket}/repack3/model.tar.gz")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "source")
        (source / "inner").mkdir(parents=True)
        (source / "inference.py").write_text("import inner.more\n")
        (source / "inner" / "more.py").write_text("")
        (source / "requirements.txt").write_text("no-such-package-of-this-name==1.2.3\n")
        builder = ModelBuilder(
            image_uri=IMAGE,
            role_arn=role,
            sagemaker_session=session,
            s3_model_data_url=model_data,
            source_code=SourceCode(source_dir=str(source), entry_script="inference.py"),
        )
        package = builder.register(
            model_package_group_name="repack3",
            content_types=["text/csv"],
            response_types=["text/csv"],
            inference_instances=["ml.m5.large"],
            transform_instances=["ml.m5.large"],
        )
        pipeline = Pipeline(
            "repack3",
            parameters=[model_data],
            steps=[ModelStep("Register", step_args=package)],
            sagemaker_session=session,
        )
        pipeline.upsert(role_arn=role)
    execution = PipelineExecution.get(pipeline_execution_arn=pipeline.start().arn)
    execution.wait_for_status("Succeeded", poll=1, timeout=400)
    jobs = [each.metadata.training_job for each in execution.get_all_steps()]
    print(json.dumps([job.arn.rpartition("/")[2] for job in jobs if getattr(job, "arn", None)]))


main(*sys.argv[1:])
