"""A churn pipeline in the SageMaker Python SDK (version 2), written as for AWS: nothing in it knows where it runs.

Preprocess (scikit-learn) -> Train (XGBoost algorithm) -> Evaluate (XGBoost image) -> if the AUC reaches a
threshold: register the model; if not: fail and say why. Run `python pipeline.py --help` with AWS_ENDPOINT_URL set
(`eval "$(stepwell env)"`), or with an AWS account's credentials.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from dataset import purchases_file
from sagemaker import get_execution_role, image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model_metrics import MetricsSource, ModelMetrics
from sagemaker.processing import ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.sklearn.processing import SKLearnProcessor
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionGreaterThanOrEqualTo
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.parameters import ParameterFloat, ParameterInteger, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.step_collections import RegisterModel
from sagemaker.workflow.steps import ProcessingStep, TrainingStep

HERE = Path(__file__).resolve().parent
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


def preprocess_step(parameters: Parameters, role: str, session: PipelineSession) -> ProcessingStep:
    processor = SKLearnProcessor(
        framework_version=SCIKIT_LEARN,
        instance_type=parameters.instance_type,
        instance_count=parameters.instance_count,
        base_job_name="churn-preprocess",
        role=role,
        sagemaker_session=session,
    )
    arguments = processor.run(
        code=str(HERE / "preprocess.py"),
        inputs=[
            ProcessingInput(
                input_name="purchases",
                source=parameters.input_data,
                destination="/opt/ml/processing/input/purchases",
            )
        ],
        outputs=[
            ProcessingOutput(output_name=name, source=f"/opt/ml/processing/{name}")
            for name in ("train", "validation", "test")
        ],
        arguments=["--cutoff", "1997-09-30"],
    )
    return ProcessingStep(name="Preprocess", step_args=arguments)


def output_of(step: ProcessingStep, name: str) -> str:
    """Where `step` leaves its output `name`; known only when the pipeline runs."""
    return step.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri


def churn_estimator(parameters: Parameters, image: str, role: str, session: PipelineSession) -> Estimator:
    estimator = Estimator(
        image_uri=image,
        instance_type=parameters.instance_type,
        instance_count=1,
        output_path=f"s3://{session.default_bucket()}/churn/models",
        base_job_name="churn-train",
        role=role,
        sagemaker_session=session,
    )
    estimator.set_hyperparameters(
        objective="binary:logistic",
        eval_metric="auc",
        num_round=200,
        early_stopping_rounds=20,
        max_depth=parameters.max_depth,
        eta=0.05,
        subsample=0.8,
        min_child_weight=5,
        seed=7,
    )
    return estimator


def train_step(estimator: Estimator, preprocess: ProcessingStep) -> TrainingStep:
    channels = {
        name: TrainingInput(s3_data=output_of(preprocess, name), content_type="text/csv")
        for name in ("train", "validation")
    }
    return TrainingStep(name="Train", step_args=estimator.fit(inputs=channels))


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
        code=str(HERE / "evaluate.py"),
        inputs=[
            ProcessingInput(
                input_name="model",
                source=train.properties.ModelArtifacts.S3ModelArtifacts,
                destination="/opt/ml/processing/model",
            ),
            ProcessingInput(
                input_name="test",
                source=output_of(preprocess, "test"),
                destination="/opt/ml/processing/test",
            ),
        ],
        outputs=[ProcessingOutput(output_name="evaluation", source="/opt/ml/processing/evaluation")],
    )
    report = PropertyFile(name="EvaluationReport", output_name="evaluation", path="evaluation.json")
    return ProcessingStep(name="Evaluate", step_args=arguments, property_files=[report]), report


def register_step(
    parameters: Parameters, estimator: Estimator, train: TrainingStep, evaluate: ProcessingStep
) -> RegisterModel:
    statistics = MetricsSource(
        s3_uri=Join(on="/", values=[output_of(evaluate, "evaluation"), "evaluation.json"]),
        content_type="application/json",
    )
    return RegisterModel(
        name="Churn",
        estimator=estimator,
        model_data=train.properties.ModelArtifacts.S3ModelArtifacts,
        content_types=["text/csv"],
        response_types=["text/csv"],
        inference_instances=["ml.t2.medium", "ml.m5.large"],
        transform_instances=["ml.m5.large"],
        model_package_group_name="churn",
        approval_status=parameters.approval_status,
        model_metrics=ModelMetrics(model_statistics=statistics),
    )


def get_pipeline(session: PipelineSession, role: str, input_data: str, name: str = "churn") -> Pipeline:
    """The whole pipeline; `input_data` is the S3 URI (of an object or a prefix) holding the purchase log."""
    parameters = Parameters(input_data)
    image = image_uris.retrieve("xgboost", session.boto_region_name, version=XGBOOST)
    preprocess = preprocess_step(parameters, role, session)
    estimator = churn_estimator(parameters, image, role, session)
    train = train_step(estimator, preprocess)
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
        if_steps=[register_step(parameters, estimator, train, evaluate)],
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


def main() -> None:
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
    if not options.no_wait:
        execution.wait(delay=5)
        for step in reversed(execution.list_steps()):
            print(f"{step['StepName']:<22} {step['StepStatus']}")


if __name__ == "__main__":
    main()
