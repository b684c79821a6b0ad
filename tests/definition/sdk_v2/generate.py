"""Writes the definitions beside this file as SageMaker Python SDK v2 emits them; nothing is called on AWS.

Run it with a Python that has `sagemaker<3` installed: `python tests/definition/sdk_v2/generate.py`. The session's
clients are stubs that answer only what compiling needs; account and bucket are made up.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from unittest import mock

import boto3
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.lambda_helper import Lambda
from sagemaker.model import Model
from sagemaker.model_metrics import MetricsSource, ModelMetrics
from sagemaker.processing import ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.sklearn.estimator import SKLearn
from sagemaker.sklearn.processing import SKLearnProcessor
from sagemaker.transformer import Transformer
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import (
    ConditionEquals,
    ConditionGreaterThan,
    ConditionIn,
    ConditionLessThanOrEqualTo,
    ConditionNot,
    ConditionOr,
)
from sagemaker.workflow.execution_variables import ExecutionVariables
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.lambda_step import LambdaOutput, LambdaOutputTypeEnum, LambdaStep
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterBoolean, ParameterFloat, ParameterInteger, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.pipeline_definition_config import PipelineDefinitionConfig
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.retry import SageMakerJobExceptionTypeEnum, SageMakerJobStepRetryPolicy
from sagemaker.workflow.steps import CacheConfig, ProcessingStep, TrainingStep, TransformStep, TuningStep

HERE = Path(__file__).parent
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/own:1"
NO_TELEMETRY = {"SchemaVersion": "1.0", "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}}}
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"


def session() -> PipelineSession:
    boto = boto3.Session("testing", "testing", region_name="us-east-1")
    made = PipelineSession(
        boto_session=boto,
        sagemaker_client=mock.MagicMock(),
        default_bucket="bucket",
        sagemaker_config=NO_TELEMETRY,
    )
    made.account_id = lambda: "123456789012"
    made.upload_data = lambda path, bucket, key_prefix, **_: f"s3://{bucket}/{key_prefix}/{Path(path).name}"
    made.upload_string_as_file_body = lambda body, desired_s3_uri, **_: desired_s3_uri
    made.s3_resource = mock.MagicMock()
    made._default_bucket = "bucket"
    return made


def script(name: str) -> str:
    path = Path(tempfile.gettempdir()) / "stepwell-sdk-v2" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("print('hello')\n")
    return str(path)


def abalone() -> Pipeline:
    """The pipeline of AWS's own examples: process, train, evaluate, register if good enough."""
    made = session()
    count = ParameterInteger("InstanceCount", default_value=1)
    depth = ParameterInteger("MaxDepth", default_value=5)
    kind = ParameterString("InstanceType", default_value="ml.m5.xlarge")
    approval = ParameterString(
        "Approval", default_value="PendingManualApproval", enum_values=["PendingManualApproval", "Approved"]
    )
    data = ParameterString("InputData")
    threshold = ParameterFloat("MseThreshold", default_value=6.0)
    cache = CacheConfig(enable_caching=True, expire_after="30d")
    sklearn = SKLearnProcessor("1.2-1", role=ROLE, instance_type=kind, instance_count=count, sagemaker_session=made)
    process = ProcessingStep(
        "AbaloneProcess",
        step_args=sklearn.run(
            code=script("preprocess.py"),
            inputs=[ProcessingInput(source=data, destination="/opt/ml/processing/input")],
            outputs=[
                ProcessingOutput(output_name=name, source=f"/opt/ml/processing/{name}")
                for name in ("train", "validation", "test")
            ],
            arguments=["--depth", depth.to_string()],
        ),
        cache_config=cache,
    )
    estimator = Estimator(
        XGBOOST, ROLE, count, kind, output_path="s3://bucket/models", sagemaker_session=made, max_run=3600
    )
    estimator.set_hyperparameters(objective="reg:linear", num_round=50, max_depth=depth)
    outputs = process.properties.ProcessingOutputConfig.Outputs
    train = TrainingStep(
        "AbaloneTrain",
        step_args=estimator.fit(
            {
                name: TrainingInput(outputs[name].S3Output.S3Uri, content_type="text/csv")
                for name in ("train", "validation")
            }
        ),
        retry_policies=[
            SageMakerJobStepRetryPolicy(
                exception_types=[SageMakerJobExceptionTypeEnum.RESOURCE_LIMIT], max_attempts=3
            )
        ],
    )
    report = PropertyFile("EvaluationReport", output_name="evaluation", path="evaluation.json")
    evaluator = ScriptProcessor(
        image_uri=XGBOOST,
        command=["python3"],
        role=ROLE,
        instance_type=kind,
        instance_count=1,
        sagemaker_session=made,
    )
    evaluate = ProcessingStep(
        "AbaloneEval",
        step_args=evaluator.run(
            code=script("evaluate.py"),
            inputs=[
                ProcessingInput(train.properties.ModelArtifacts.S3ModelArtifacts, "/opt/ml/processing/model"),
                ProcessingInput(outputs["test"].S3Output.S3Uri, "/opt/ml/processing/test"),
            ],
            outputs=[ProcessingOutput("/opt/ml/processing/evaluation", output_name="evaluation")],
        ),
        property_files=[report],
    )
    metrics = ModelMetrics(
        model_statistics=MetricsSource(
            s3_uri=Join(
                "/",
                [evaluate.properties.ProcessingOutputConfig.Outputs["evaluation"].S3Output.S3Uri, "evaluation.json"],
            ),
            content_type="application/json",
        )
    )
    model = Model(XGBOOST, train.properties.ModelArtifacts.S3ModelArtifacts, ROLE, sagemaker_session=made)
    register = ModelStep(
        "AbaloneRegister",
        step_args=model.register(
            content_types=["text/csv"],
            response_types=["text/csv"],
            inference_instances=["ml.t2.medium"],
            transform_instances=["ml.m5.xlarge"],
            model_package_group_name="Abalone",
            approval_status=approval,
            model_metrics=metrics,
        ),
    )
    create = ModelStep("AbaloneCreate", step_args=model.create(instance_type="ml.m5.large"))
    fail = FailStep("AbaloneFail", error_message=Join(" ", ["MSE above", threshold]))
    mse = JsonGet(step_name=evaluate.name, property_file=report, json_path="regression_metrics.mse.value")
    choose = ConditionStep(
        "AbaloneCondition",
        conditions=[ConditionLessThanOrEqualTo(mse, threshold)],
        if_steps=[register, create],
        else_steps=[fail],
    )
    return Pipeline(
        "AbalonePipeline",
        [count, depth, kind, approval, data, threshold],
        steps=[process, train, evaluate, choose],
        sagemaker_session=made,
    )


def nested_conditions() -> Pipeline:
    """Conditions in conditions, every kind of condition, dependencies across, execution variables."""
    made = session()
    flag = ParameterBoolean("Flag", default_value=False)
    stage = ParameterString("Stage", default_value="dev")
    size = ParameterInteger("Size", default_value=3)
    processor = ScriptProcessor(
        image_uri=IMAGE,
        command=["python3"],
        role=ROLE,
        instance_type="ml.m5.large",
        instance_count=1,
        sagemaker_session=made,
        env={"RUN": ExecutionVariables.PIPELINE_EXECUTION_ID, "SIZE": size.to_string()},
    )

    def step(name: str, **more: object) -> ProcessingStep:
        return ProcessingStep(name, step_args=processor.run(code=script("work.py")), **more)

    inner = ConditionStep(
        "Inner",
        conditions=[ConditionNot(ConditionEquals(stage, "prod")), ConditionGreaterThan(size, 2)],
        if_steps=[step("Deep")],
        else_steps=[FailStep("Stop", error_message="not in prod")],
    )
    outer = ConditionStep(
        "Outer",
        conditions=[ConditionOr([ConditionIn(stage, ["dev", "test"]), ConditionEquals(flag, True)])],
        if_steps=[inner, step("Shallow")],
        else_steps=[],
    )
    after = step("After", depends_on=[outer], display_name="After all", description="Runs either way")
    return Pipeline(
        "Nested", [flag, stage, size], steps=[outer, after, step("Last", depends_on=["Deep"])], sagemaker_session=made
    )


def custom_prefix() -> Pipeline:
    """Source directory of a framework estimator, own job name prefixes, no experiment."""
    made = session()
    estimator = SKLearn(
        script("train.py"),
        framework_version="1.2-1",
        role=ROLE,
        instance_type="ml.m5.large",
        sagemaker_session=made,
        base_job_name="churn",
        hyperparameters={"alpha": 0.5, "epochs": 3},
        environment={"A": "b"},
    )
    train = TrainingStep("Train", step_args=estimator.fit({"train": "s3://bucket/train"}))
    return Pipeline(
        "Prefixed",
        steps=[train],
        sagemaker_session=made,
        pipeline_experiment_config=None,
        pipeline_definition_config=PipelineDefinitionConfig(use_custom_job_prefix=True),
    )


def not_yet_built() -> Pipeline:
    """Types of step beyond the first six: tuning, batch transform, a Lambda function."""
    made = session()
    estimator = Estimator(XGBOOST, ROLE, 1, "ml.m5.xlarge", output_path="s3://bucket/m", sagemaker_session=made)
    tuner = HyperparameterTuner(
        estimator, "validation:rmse", {"eta": ContinuousParameter(0.1, 0.5)}, max_jobs=4, max_parallel_jobs=2
    )
    tune = TuningStep("Tune", step_args=tuner.fit({"train": "s3://bucket/train"}))
    best = Model(XGBOOST, tune.get_top_model_s3_uri(top_k=0, s3_bucket="bucket"), ROLE, sagemaker_session=made)
    create = ModelStep("Best", step_args=best.create(instance_type="ml.m5.large"))
    transformer = Transformer(
        create.properties.ModelName, 1, "ml.m5.large", output_path="s3://bucket/out", sagemaker_session=made
    )
    transform = TransformStep("Score", step_args=transformer.transform("s3://bucket/in"))
    function = Lambda(function_arn="arn:aws:lambda:us-east-1:123456789012:function:f", session=made)
    call = LambdaStep(
        "Tell",
        lambda_func=function,
        inputs={"model": create.properties.ModelName},
        outputs=[LambdaOutput("status", LambdaOutputTypeEnum.String)],
        depends_on=[transform],
    )
    return Pipeline("NotYet", steps=[tune, create, transform, call], sagemaker_session=made)


def main() -> None:
    for make in (abalone, nested_conditions, custom_prefix, not_yet_built):
        definition = json.loads(make().definition())
        (HERE / f"{make.__name__}.json").write_text(json.dumps(definition, indent=1) + "\n")


if __name__ == "__main__":
    main()
