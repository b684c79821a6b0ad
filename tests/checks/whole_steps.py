"""Steps that are whole: the least Arguments with which each type of step could run."""

from __future__ import annotations

import json

from stepwell.checks.running import run
from stepwell.definition.json_text import JSON
from stepwell.definition.parse import parse
from stepwell.spec.models import operation

ROLE = "arn:aws:iam::123456789012:role/Role"
CLUSTER: JSON = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 10}
PROCESSING: dict[str, JSON] = {
    "AppSpecification": {"ImageUri": "image"},
    "ProcessingResources": {"ClusterConfig": CLUSTER},
}
OUTPUT: JSON = {"S3OutputPath": "s3://bucket/out"}
CHANNEL: JSON = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/in"}}}
COMPUTE: JSON = {"InstanceCount": 1, "InstanceType": "ml.m5.large"}

WHOLE: dict[str, dict[str, JSON]] = {
    "Training": {"OutputDataConfig": OUTPUT},
    "Processing": PROCESSING,
    "QualityCheck": PROCESSING,
    "ClarifyCheck": PROCESSING,
    "Model": {"ExecutionRoleArn": ROLE},
    "Transform": {
        "ModelName": "model",
        "TransformInput": CHANNEL,
        "TransformOutput": OUTPUT,
        "TransformResources": COMPUTE,
    },
    "Tuning": {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Bayesian",
            "ResourceLimits": {"MaxParallelTrainingJobs": 1},
        }
    },
    "AutoML": {
        "AutoMLJobConfig": {"Mode": "ENSEMBLING"},
        "InputDataConfig": [{**CHANNEL, "TargetAttributeName": "y"}],  # type: ignore[dict-item]
        "OutputDataConfig": OUTPUT,
    },
    "Fail": {"ErrorMessage": "x"},
    "EMR": {"ClusterId": "j-1", "StepConfig": {"HadoopJarStep": {"Jar": "s3://bucket/a.jar"}}},
    "EMRServerless": {"ApplicationId": "app", "JobConfig": {"jobDriver": {"hive": {"query": "q"}}}},
    "Endpoint": {"EndpointName": "endpoint", "EndpointConfigName": "config"},
    "EndpointConfig": {"EndpointConfigName": "config", "ProductionVariants": [{"VariantName": "v"}]},
    "InferenceComponent": {"InferenceComponentName": "component", "EndpointName": "endpoint"},
    "Lineage": {"Actions": [{"ActionName": "a", "ActionType": "t", "Source": {"SourceUri": "s3://bucket/a"}}]},
    "Job": {"JobCategory": "AgentRFT", "JobConfigSchemaVersion": "1.0.0", "JobConfigDocument": "{}"},
    "ForEach": {
        "IterableItems": [1],
        "MaxConcurrency": 1,
        "ForEachBody": [{"Name": "Body", "Type": "Lambda", "FunctionArn": "f", "Arguments": {}}],
    },
    "Cleanup": {"Resources": {"S3": [{"StepName": "A"}]}},
    "BedrockCustomModel": {"ModelName": "model"},
    "BedrockCustomModelDeployment": {
        "ModelDeploymentName": "deployment",
        "ModelArn": "arn:aws:bedrock:us-east-1:123456789012:custom-model/imported/abcdefghijkl",
    },
    "BedrockModelImport": {
        "JobName": "job",
        "ImportedModelName": "model",
        "RoleArn": ROLE,
        "ModelDataSource": {"S3DataSource": {"S3Uri": "s3://bucket/m"}},
    },
    "BedrockProvisionedModelThroughput": {"ProvisionedModelName": "p", "ModelId": "model", "ModelUnits": 1},
    "Condition": {"Conditions": []},
}
MEMBERS: dict[str, dict[str, JSON]] = {
    "Lambda": {"FunctionArn": "f"},
    "Callback": {"SqsQueueUrl": "q"},
    "QualityCheck": {"CheckType": "DATA_QUALITY"},
    "ClarifyCheck": {"CheckType": "DATA_BIAS"},
}


def problems(**members: JSON) -> list[tuple[str, str]]:
    """Pointer and message of all that is wrong with a definition of these members."""
    found = run(parse(json.dumps({"Steps": [], **members})), operation)
    return [(problem.pointer, problem.message) for problem in found]


def step(name: str = "A", type_: str = "Training", arguments: JSON = None, **members: JSON) -> dict[str, JSON]:
    """A whole step in which `arguments` and `members` replace what they name."""
    given = arguments if isinstance(arguments, dict) else {}
    inside: JSON = {**WHOLE.get(type_, {}), **given}
    return {"Name": name, "Type": type_, "Arguments": inside, **MEMBERS.get(type_, {}), **members}


def get(path: str) -> JSON:
    return {"Get": path}
