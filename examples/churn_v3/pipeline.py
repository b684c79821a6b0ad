"""The churn pipeline in the SageMaker Python SDK, version 3: nothing in it knows where it runs.

Preprocess (scikit-learn) -> Train (a script of ours in the XGBoost image) -> Evaluate (XGBoost image) -> if the AUC
reaches a threshold: register the model; if not: fail and say why. Data, preprocessing and evaluation are those of
../churn. Run `python pipeline.py --help` with AWS_ENDPOINT_URL set (`eval "$(stepwell env)"`), or with an AWS
account's credentials.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import get_execution_role
from sagemaker.core.model_metrics import MetricsSource, ModelMetrics
from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.resources import PipelineExecution
from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output
from sagemaker.core.utils.exceptions import FailedStatusError
from sagemaker.core.workflow.conditions import ConditionGreaterThanOrEqualTo
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.parameters import ParameterFloat, ParameterInteger, ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import ProcessingStep, TrainingStep
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, MetricDefinition, OutputDataConfig, SourceCode

HERE = Path(__file__).resolve().parent
CHURN = HERE.parent / "churn"
sys.path.insert(0, str(CHURN))

from dataset import purchases_file  # noqa: E402

XGBOOST = "1.7-1"
SCIKIT_LEARN = "1.2-1"


class Parameters:
    """What a start of the pipeline may change."""

    def __init__(self, input_data: str) -> None:
        self.input_data = ParameterString("InputData", default_value=input_data)
        self.approval_status = ParameterString("ModelApprovalStatus", default_value="PendingManualApproval")
        self.instance_type = ParameterString("InstanceType", default_value="ml.m5.large")
        self.instance_count = ParameterInteger("ProcessingInstanceCount", default_value=1)
        self.max_depth = ParameterInteger("MaxDepth", default_value=4)
        self.auc_threshold = ParameterFloat("AucThreshold", default_value=0.7)

    def all(self) -> list[ParameterString | ParameterInteger | ParameterFloat]:
        return list(vars(self).values())


def from_s3(name: str, uri: str, folder: str) -> ProcessingInput:
    """An input of a processing job: what lies at `uri`, in `folder` below /opt/ml/processing."""
    source = ProcessingS3Input(
        s3_uri=uri,
        s3_data_type="S3Prefix",
        s3_input_mode="File",
        local_path=f"/opt/ml/processing/{folder}",
    )
    return ProcessingInput(input_name=name, s3_input=source)


def to_s3(name: str) -> ProcessingOutput:
    """An output of a processing job: the folder of that name; the SDK chooses where in S3."""
    target = ProcessingS3Output(s3_uri="", s3_upload_mode="EndOfJob", local_path=f"/opt/ml/processing/{name}")
    return ProcessingOutput(output_name=name, s3_output=target)


def preprocess_step(parameters: Parameters, role: str, session: PipelineSession) -> ProcessingStep:
    processor = ScriptProcessor(
        image_uri=image_uris.retrieve("sklearn", session.boto_region_name, version=SCIKIT_LEARN),
        command=["python3"],
        instance_type=parameters.instance_type,
        instance_count=parameters.instance_count,
        base_job_name="churn-preprocess",
        role=role,
        sagemaker_session=session,
    )
    arguments = processor.run(
        code=str(CHURN / "preprocess.py"),
        inputs=[from_s3("purchases", parameters.input_data, "input/purchases")],
        outputs=[to_s3(name) for name in ("train", "validation", "test")],
        arguments=["--cutoff", "1997-09-30"],
    )
    return ProcessingStep(name="Preprocess", step_args=arguments)


def output_of(step: ProcessingStep, name: str) -> str:
    """Where `step` leaves its output `name`; known only when the pipeline runs."""
    return step.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri


def train_step(
    parameters: Parameters, image: str, role: str, session: PipelineSession, preprocess: ProcessingStep
) -> TrainingStep:
    trainer = ModelTrainer(
        training_image=image,
        source_code=SourceCode(source_dir=str(HERE / "train"), entry_script="train.py"),
        compute=Compute(instance_type=parameters.instance_type, instance_count=1, volume_size_in_gb=10),
        hyperparameters={"max-depth": parameters.max_depth, "rounds": 200, "eta": 0.05},
        output_data_config=OutputDataConfig(s3_output_path=f"s3://{session.default_bucket()}/churn-v3/models"),
        base_job_name="churn-train",
        role=role,
        sagemaker_session=session,
    ).with_metric_definitions(
        [
            MetricDefinition(name=f"{channel}:auc", regex=rf"{channel}-auc:([0-9.]+)")
            for channel in ("train", "validation")
        ]
    )
    channels = [
        InputData(channel_name=name, data_source=output_of(preprocess, name), content_type="text/csv")
        for name in ("train", "validation")
    ]
    return TrainingStep(name="Train", step_args=trainer.train(input_data_config=channels))


def evaluate_step(
    parameters: Parameters,
    image: str,
    role: str,
    session: PipelineSession,
    preprocess: ProcessingStep,
    train: TrainingStep,
) -> tuple[ProcessingStep, PropertyFile]:
    processor = ScriptProcessor(
        image_uri=image,
        command=["python3"],
        instance_type=parameters.instance_type,
        instance_count=1,
        base_job_name="churn-evaluate",
        role=role,
        sagemaker_session=session,
    )
    arguments = processor.run(
        code=str(CHURN / "evaluate.py"),
        inputs=[
            from_s3("model", train.properties.ModelArtifacts.S3ModelArtifacts, "model"),
            from_s3("test", output_of(preprocess, "test"), "test"),
        ],
        outputs=[to_s3("evaluation")],
    )
    report = PropertyFile(name="EvaluationReport", output_name="evaluation", path="evaluation.json")
    return ProcessingStep(name="Evaluate", step_args=arguments, property_files=[report]), report


def register_step(
    parameters: Parameters,
    image: str,
    role: str,
    session: PipelineSession,
    train: TrainingStep,
    evaluate: ProcessingStep,
) -> ModelStep:
    builder = ModelBuilder(
        s3_model_data_url=train.properties.ModelArtifacts.S3ModelArtifacts,
        image_uri=image,
        role_arn=role,
        sagemaker_session=session,
    )
    statistics = MetricsSource(
        s3_uri=Join(on="/", values=[output_of(evaluate, "evaluation"), "evaluation.json"]),
        content_type="application/json",
    )
    arguments = builder.register(
        content_types=["text/csv"],
        response_types=["text/csv"],
        inference_instances=["ml.t2.medium", "ml.m5.large"],
        transform_instances=["ml.m5.large"],
        model_package_group_name="churn-v3",
        approval_status=parameters.approval_status,
        model_metrics=ModelMetrics(model_statistics=statistics),
    )
    return ModelStep(name="Register", step_args=arguments)


def get_pipeline(session: PipelineSession, role: str, input_data: str, name: str = "churn-v3") -> Pipeline:
    """The whole pipeline; `input_data` is the S3 URI (of an object or a prefix) holding the purchase log."""
    parameters = Parameters(input_data)
    image = image_uris.retrieve("xgboost", session.boto_region_name, version=XGBOOST)
    preprocess = preprocess_step(parameters, role, session)
    train = train_step(parameters, image, role, session, preprocess)
    evaluate, report = evaluate_step(parameters, image, role, session, preprocess, train)
    auc = JsonGet(
        step_name=evaluate.name,
        property_file=report,
        json_path="binary_classification_metrics.auc.value",
    )
    too_weak = FailStep(
        name="TooWeak",
        error_message=Join(on=" ", values=["The model's AUC is", auc, "- wanted", parameters.auc_threshold]),
    )
    decide = ConditionStep(
        name="GoodEnough",
        conditions=[ConditionGreaterThanOrEqualTo(left=auc, right=parameters.auc_threshold)],
        if_steps=[register_step(parameters, image, role, session, train, evaluate)],
        else_steps=[too_weak],
    )
    return Pipeline(
        name=name,
        parameters=parameters.all(),
        steps=[preprocess, train, evaluate, decide],
        sagemaker_session=session,
    )


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--role", help="ARN of the execution role (default: the caller's)")
    parser.add_argument("--purchases", type=Path, help="the purchase log (default: from the lifetimes package)")
    parser.add_argument("--max-depth", type=int, help="depth of the trees")
    parser.add_argument("--auc-threshold", type=float, help="the AUC from which on a model is registered")
    parser.add_argument("--no-wait", action="store_true", help="start, print the execution's ARN and leave")
    return parser.parse_args()


def finish(arn: str) -> int:
    """Wait until the execution `arn` has ended and print its steps; the exit code says whether it succeeded."""
    execution = PipelineExecution.get(pipeline_execution_arn=arn)
    try:
        execution.wait_for_status("Succeeded", poll=2, timeout=3600)
    except FailedStatusError as failure:
        print(failure)
    for step in execution.get_all_steps(sort_order="Ascending"):
        print(f"{step.step_name:<12} {step.step_status:<10} {step.failure_reason or ''}")
    return 0 if execution.pipeline_execution_status == "Succeeded" else 1


def main() -> int:
    options = read_options()
    session = PipelineSession()
    role = options.role or get_execution_role(session)
    input_data = session.upload_data(str(options.purchases or purchases_file()), key_prefix="churn/input")
    pipeline = get_pipeline(session, role, input_data)
    pipeline.upsert(role_arn=role)
    chosen = {"MaxDepth": options.max_depth, "AucThreshold": options.auc_threshold}
    execution = pipeline.start(
        parameters={name: value for name, value in chosen.items() if value is not None},
        execution_display_name="churn-example",
    )
    print(execution.arn, flush=True)
    return 0 if options.no_wait else finish(execution.arn)


if __name__ == "__main__":
    sys.exit(main())
