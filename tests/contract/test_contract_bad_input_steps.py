"""Steps that fail for reasons outside of their definition: what the listing then says, and the next thing to do."""

from __future__ import annotations

from typing import Any

import pytest
from test_contract_bad_input import refusal
from test_contract_engine import create, processing, run
from test_contract_engine_neighbours import callback_step, function, lambda_step, message

from served import Server, ended_execution, eventually, steps_of

pytestmark = pytest.mark.contract

INFERENCE = {
    "Containers": [
        {"Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/own:1", "ModelDataUrl": "s3://b/m.tar.gz"}
    ],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}


@pytest.fixture
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker")


def asked(server: Server, sagemaker: Any, name: str, outputs: dict[str, str]) -> tuple[str, str]:
    """An execution that waits for an answer, and the token of its question."""
    queue = server.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    create(sagemaker, name, [callback_step("Ask", queue, outputs)])
    arn = sagemaker.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"]
    return arn, message(server, queue)["token"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            "{'statusCode': 200, 'body': '{}'}",
            "wanted must stand at the top level, but its answer has [body, statusCode].",
        ),
        ("{}", "wanted must stand at the top level, but its answer is empty."),
        ("{'wanted': None}", "wanted must stand at the top level, but its answer has [wanted]."),
        ("{'wanted': 'ten'}", "'wanted' is not of type Integer: it is the text 'ten'."),
        ("{'wanted': '1_0'}", "'wanted' is not of type Integer: it is the text '1_0'."),
        ("{'wanted': 1.5}", "'wanted' is not of type Integer: it is the number 1.5."),
        ("{'wanted': [1]}", "'wanted' is not of type Integer: it is an array."),
        ("[{'wanted': 1}]", "The Lambda function answered no JSON object."),
    ],
)
def test_a_function_that_answers_something_else(
    server: Server, sagemaker: Any, request: Any, answer: str, said: str
) -> None:
    name = f"answers-{request.node.callspec.indices['answer']}"
    create(sagemaker, name, [lambda_step("Call", function(server, name, f"return {answer}"), {"wanted": "Integer"})])
    _, ended, listed = run(sagemaker, name)
    assert ended["PipelineExecutionStatus"] == "Failed"
    assert listed["Call"]["FailureReason"].startswith("ClientError: The Lambda function")
    assert listed["Call"]["FailureReason"].endswith(said)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return (", "Runtime.UserCodeSyntaxError: Syntax error in module 'index'"),
        ("import sys; sys.exit(3)", "Runtime.ExitError: "),
        ("return object()", "Runtime.MarshalError: "),
        ("raise KeyError('x' * 5000)", "KeyError: "),
    ],
)
def test_a_function_that_ends_otherwise(server: Server, sagemaker: Any, request: Any, body: str, said: str) -> None:
    name = f"ends-{request.node.callspec.indices['body']}"
    create(sagemaker, name, [lambda_step("Call", function(server, name, body), {})])
    _, ended, listed = run(sagemaker, name)
    assert ended["PipelineExecutionStatus"] == "Failed"
    assert f"ClientError: The Lambda function failed: {said}" in listed["Call"]["FailureReason"]
    assert len(listed["Call"]["FailureReason"]) <= 1024


def test_a_function_that_is_deleted_while_it_runs_still_answers(server: Server, sagemaker: Any) -> None:
    arn = function(server, "deleted", "time.sleep(1.5); return {'done': True}", Timeout=30)
    create(sagemaker, "deleted", [lambda_step("Call", arn, {"done": "Boolean"})])
    execution = sagemaker.start_pipeline_execution(PipelineName="deleted")["PipelineExecutionArn"]
    eventually(lambda: steps_of(sagemaker, execution).get("Call", {}).get("StepStatus") == "Executing")
    server.client("lambda").delete_function(FunctionName="deleted")
    assert ended_execution(sagemaker, execution)["PipelineExecutionStatus"] == "Succeeded"
    _, _, listed = run(sagemaker, "deleted")
    said = "ClientError: Failed to invoke lambda:InvokeFunction. Error Details: Function not found: "
    assert listed["Call"]["FailureReason"].startswith(said)


@pytest.mark.parametrize("arn", ["not an arn", "arn:aws:lambda:eu-west-1:123456789012:function:elsewhere"])
def test_a_function_that_nobody_can_mean(sagemaker: Any, request: Any, arn: str) -> None:
    name = f"meant-{request.node.callspec.indices['arn']}"
    create(sagemaker, name, [lambda_step("Call", arn, {})])
    _, ended, listed = run(sagemaker, name)
    assert ended["PipelineExecutionStatus"] == "Failed"
    assert listed["Call"]["FailureReason"].startswith("ClientError: Failed to invoke lambda:InvokeFunction. ")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "score must stand at the top level, but its answer is empty."),
        ([("Score", "1")], "score must stand at the top level, but its answer has [Score]."),
        ([("score", "high")], "'score' is not of type Float: it is the text 'high'."),
        ([("score", "NaN")], "'score' is not of type Float: it is the text 'NaN'."),
        ([("score", "1e999")], "'score' is not of type Float: it is the text '1e999'."),
    ],
)
def test_an_answer_that_is_none(
    server: Server, sagemaker: Any, request: Any, given: list[tuple[str, str]], said: str
) -> None:
    arn, token = asked(server, sagemaker, f"unanswered-{request.node.callspec.indices['given']}", {"score": "Float"})
    outputs = [{"Name": name, "Value": value} for name, value in given]
    sagemaker.send_pipeline_execution_step_success(CallbackToken=token, OutputParameters=outputs)
    assert ended_execution(sagemaker, arn)["PipelineExecutionStatus"] == "Failed"
    reason = steps_of(sagemaker, arn)["Ask"]["FailureReason"]
    assert reason.startswith("ClientError: The callback: ")
    assert reason.endswith(said)


def test_a_token_is_good_for_one_answer(server: Server, sagemaker: Any) -> None:
    arn, token = asked(server, sagemaker, "one-answer", {})
    success, failure = (
        sagemaker.send_pipeline_execution_step_success,
        sagemaker.send_pipeline_execution_step_failure,
    )
    elsewhere = server.client("sagemaker", region="eu-west-1").send_pipeline_execution_step_success
    assert refusal(elsewhere, CallbackToken=token)["Code"] == "ResourceNotFound"
    request = {"CallbackToken": token, "ClientRequestToken": "r" * 32}
    assert failure(**request, FailureReason="late")["PipelineExecutionArn"] == arn
    assert failure(**request, FailureReason="late")["PipelineExecutionArn"] == arn
    for call, members in (
        (failure, {**request, "FailureReason": "other"}),
        (success, request),
        (success, {"CallbackToken": token}),
    ):
        assert refusal(call, **members)["Code"] == "ConflictException"
    assert ended_execution(sagemaker, arn)["PipelineExecutionStatus"] == "Failed"
    assert steps_of(sagemaker, arn)["Ask"]["FailureReason"] == "late"
    for call in (success, failure):
        assert refusal(call, CallbackToken="neverMade0")["Code"] == "ResourceNotFound"
        assert refusal(call, CallbackToken="not-a-token")["Code"] == "ValidationException"


def test_a_queue_that_goes_while_it_is_waited_for(server: Server, sagemaker: Any) -> None:
    arn, token = asked(server, sagemaker, "queue-goes", {})
    sqs = server.client("sqs")
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="queue-goes")["QueueUrl"])
    sagemaker.send_pipeline_execution_step_success(CallbackToken=token)
    assert ended_execution(sagemaker, arn)["PipelineExecutionStatus"] == "Succeeded"
    _, ended, listed = run(sagemaker, "queue-goes")
    assert ended["PipelineExecutionStatus"] == "Failed"
    assert listed["Ask"]["FailureReason"] == (
        "ClientError: Failed to invoke sqs:SendMessage. Error Details: The specified queue does not exist."
    )


@pytest.mark.parametrize("address", ["nonsense", "https://sqs.eu-west-1.amazonaws.com/123456789012/elsewhere"])
def test_a_queue_that_is_none(sagemaker: Any, request: Any, address: str) -> None:
    name = f"no-queue-{request.node.callspec.indices['address']}"
    create(sagemaker, name, [callback_step("Ask", address, {})])
    _, ended, listed = run(sagemaker, name)
    assert ended["PipelineExecutionStatus"] == "Failed"
    assert listed["Ask"]["FailureReason"].startswith("ClientError: Failed to invoke sqs:SendMessage. ")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("true", "Received an error while reading file {uri} from S3: NoSuchKey: The specified key does not exist."),
        ("echo '{' > $FILE", "Contents of file {uri} are not in valid JSON format."),
        ("echo '{\"auc\": {}}' > $FILE", "Invalid json path 'auc.value': in {uri} there is nothing at value."),
        (
            'echo \'{"AUC": {"value": 1}}\' > $FILE',
            "Invalid json path 'auc.value': in {uri} there is nothing at auc. Did you mean 'AUC'?",
        ),
        (
            'echo \'{"auc": {"value": [1]}}\' > $FILE',
            "Invalid json path 'auc.value': in {uri} it leads to an array, not to a scalar value.",
        ),
        (
            'echo \'{"auc": {"value": NaN}}\' > $FILE',
            "Invalid json path 'auc.value': in {uri} it leads to NaN, which is no JSON number.",
        ),
        (
            'echo \'{"auc": {"value": "0.9"}}\' > $FILE',
            "Condition of type GreaterThan not supported between LeftValue [0.9] of type string and RightValue [0.5] "
            "of type number.",
        ),
    ],
)
def test_a_condition_that_cannot_read_its_value(
    server: Server, sagemaker: Any, request: Any, script: str, said: str
) -> None:
    name = f"unreadable-{request.node.callspec.indices['script']}"
    server.client("s3").create_bucket(Bucket=name)
    place = {"S3Uri": f"s3://{name}/out", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    measure = processing(
        "Measure",
        f"FILE=/opt/ml/processing/out/report.json; {script}",
        Arguments={"ProcessingOutputConfig": {"Outputs": [{"OutputName": "report", "S3Output": place}]}},
        PropertyFiles=[{"PropertyFileName": "Report", "OutputName": "report", "FilePath": "report.json"}],
    )
    auc = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Measure.PropertyFiles.Report"}, "Path": "auc.value"}}
    question = {"Type": "GreaterThan", "LeftValue": auc, "RightValue": 0.5}
    arguments = {"Conditions": [question], "IfSteps": [], "ElseSteps": []}
    create(sagemaker, name, [measure, {"Name": "Good", "Type": "Condition", "Arguments": arguments}])
    _, ended, listed = run(sagemaker, name)
    assert ended["PipelineExecutionStatus"] == "Failed"
    assert listed["Measure"]["StepStatus"] == "Succeeded"
    assert listed["Good"]["FailureReason"] == said.format(uri=f"s3://{name}/out/report.json")


def registering(**arguments: Any) -> dict[str, Any]:
    return {
        "Name": "Register",
        "Type": "RegisterModel",
        "Arguments": {"InferenceSpecification": INFERENCE, **arguments},
    }


def test_a_name_outside_of_groups_is_a_prefix(sagemaker: Any) -> None:
    create(sagemaker, "named-package", [registering(ModelPackageName="churn")])
    for _ in range(2):
        arn, ended, listed = run(sagemaker, "named-package")
        assert ended["PipelineExecutionStatus"] == "Succeeded", listed
        package = listed["Register"]["Metadata"]["RegisterModel"]["Arn"]
        assert f":model-package/churn-{arn.rpartition('/')[2]}-" in package
        described = sagemaker.describe_model_package(ModelPackageName=package)
        assert described["ModelPackageName"] == package.rpartition("/")[2]


def test_tags_of_a_version_go_to_the_group_that_is_made_for_it(sagemaker: Any) -> None:
    tags = [{"Key": "team", "Value": "churn"}]
    create(sagemaker, "tagged", [registering(ModelPackageGroupName="tagged-group", Tags=tags)])
    for version in (1, 2):
        _, ended, listed = run(sagemaker, "tagged")
        assert ended["PipelineExecutionStatus"] == "Succeeded", listed
        package = listed["Register"]["Metadata"]["RegisterModel"]["Arn"]
        assert package.endswith(f":model-package/tagged-group/{version}")
    group = sagemaker.describe_model_package_group(ModelPackageGroupName="tagged-group")["ModelPackageGroupArn"]
    assert sagemaker.list_tags(ResourceArn=group)["Tags"] == tags

    sagemaker.create_model_package_group(ModelPackageGroupName="standing-group")
    create(sagemaker, "tagged-late", [registering(ModelPackageGroupName="standing-group", Tags=tags)])
    _, ended, listed = run(sagemaker, "tagged-late")
    assert ended["PipelineExecutionStatus"] == "Succeeded", listed
    standing = sagemaker.describe_model_package_group(ModelPackageGroupName="standing-group")["ModelPackageGroupArn"]
    assert sagemaker.list_tags(ResourceArn=standing)["Tags"] == []


def test_a_group_that_cannot_be_made_says_why(sagemaker: Any) -> None:
    tags = [{"Key": "aws:team", "Value": "churn"}]
    create(sagemaker, "untaggable", [registering(ModelPackageGroupName="untaggable", Tags=tags)])
    _, _, listed = run(sagemaker, "untaggable")
    assert "Tag keys starting with 'aws:' are reserved" in listed["Register"]["FailureReason"]


def test_executions_at_once_share_the_group_that_they_make(sagemaker: Any) -> None:
    create(sagemaker, "shared", [registering(ModelPackageGroupName="shared-group")])
    started = [sagemaker.start_pipeline_execution(PipelineName="shared")["PipelineExecutionArn"] for _ in range(20)]
    for arn in started:
        assert ended_execution(sagemaker, arn)["PipelineExecutionStatus"] == "Succeeded", steps_of(sagemaker, arn)
    listed = sagemaker.list_model_packages(ModelPackageGroupName="shared-group", MaxResults=100)
    versions = [package["ModelPackageVersion"] for package in listed["ModelPackageSummaryList"]]
    assert sorted(versions) == list(range(1, 21))


def test_a_package_that_goes_nowhere_says_what_is_missing(sagemaker: Any) -> None:
    create(sagemaker, "nowhere", [registering()])
    _, ended, listed = run(sagemaker, "nowhere")
    assert ended["PipelineExecutionStatus"] == "Failed"
    assert "needs 'ModelPackageGroupName' in its Arguments" in listed["Register"]["FailureReason"]
    assert "use_custom_job_prefix=True" in listed["Register"]["FailureReason"]
