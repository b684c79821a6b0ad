"""What a user of the SageMaker SDK 2 writes to run functions: @step in pipelines, @remote; and beside them notebooks
and framework processors. Prints what came of it.

Run by test_contract_functions.py in the client's environment, in a folder of its own.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

CONFIG = """\
SchemaVersion: '1.0'
SageMaker:
  PythonSDK:
    Modules:
      RemoteFunction:
        IncludeLocalWorkDir: true
        CustomFileFilter:
          IgnoreNamePatterns: ["*.secret"]
"""
"""How the SDK takes a project's own modules along: @step has no argument for it."""

if sys.argv[1] == "piped":
    Path("config.yaml").write_text(CONFIG)
    os.environ["SAGEMAKER_USER_CONFIG_OVERRIDE"] = str(Path("config.yaml").absolute())

import boto3  # noqa: E402
from botocore.exceptions import WaiterError  # noqa: E402
from sagemaker.processing import FrameworkProcessor, ProcessingInput, ProcessingOutput  # noqa: E402
from sagemaker.remote_function import RemoteExecutor  # noqa: E402
from sagemaker.remote_function.runtime_environment.runtime_environment_manager import (  # noqa: E402
    RuntimeEnvironmentManager,
)
from sagemaker.sklearn import SKLearn  # noqa: E402
from sagemaker.sklearn.processing import SKLearnProcessor  # noqa: E402
from sagemaker.workflow.condition_step import ConditionStep  # noqa: E402
from sagemaker.workflow.conditions import ConditionGreaterThanOrEqualTo  # noqa: E402
from sagemaker.workflow.execution_variables import ExecutionVariables  # noqa: E402
from sagemaker.workflow.fail_step import FailStep  # noqa: E402
from sagemaker.workflow.function_step import step  # noqa: E402
from sagemaker.workflow.functions import Join  # noqa: E402
from sagemaker.workflow.notebook_job_step import NotebookJobStep  # noqa: E402
from sagemaker.workflow.parameters import ParameterInteger, ParameterString  # noqa: E402
from sagemaker.workflow.pipeline import Pipeline  # noqa: E402
from sagemaker.workflow.pipeline_context import PipelineSession  # noqa: E402
from sagemaker.workflow.retry import StepExceptionTypeEnum, StepRetryPolicy  # noqa: E402
from sagemaker.workflow.selective_execution_config import SelectiveExecutionConfig  # noqa: E402
from sagemaker.workflow.step_outputs import get_step  # noqa: E402
from sagemaker.workflow.steps import ProcessingStep  # noqa: E402

DISTRIBUTION = "885854791233.dkr.ecr.us-east-1.amazonaws.com/sagemaker-distribution-prod:3.2.0-cpu"
SMALL = "ml.m5.large"


def ended(execution: Any) -> dict[str, Any]:
    """The steps of an execution that has ended, by name."""
    try:
        execution.wait(delay=1, max_attempts=240)
    except WaiterError:
        pass  # the steps say what went wrong
    return {each["StepName"]: each for each in execution.list_steps()}


def piped(role: str) -> dict[str, Any]:
    """Functions that pass values on, to each other, to a condition and to a step of another kind."""
    Path("words.py").write_text("def shout(word):\n    return word.upper()\n")
    Path("our.secret").write_text("secret")
    Path("requirements.txt").write_text("tabulate==0.9.0\n")
    Path("look.py").write_text("import sys\n\nassert sys.argv[1:] == ['0.75', 'blue'], sys.argv\n")
    rows, colour = ParameterInteger("Rows", default_value=4), ParameterString("Colour", default_value="blue")
    common = {"role": role, "image_uri": "python:3.11", "instance_type": SMALL}

    @step(
        name="prepare",
        display_name="Prepare, then count",
        dependencies="requirements.txt",
        environment_variables={"COLOUR": colour},
        pre_execution_commands=["echo before > /tmp/before.txt"],
        keep_alive_period_in_seconds=60,
        **common,
    )
    def prepare(count: int, execution: str) -> dict[str, Any]:
        import tabulate
        from words import shout

        return {
            "rows": [count, count * 2],
            "colour": os.environ["COLOUR"],
            "before": Path("/tmp/before.txt").read_text().strip(),
            "execution": execution,
            "shouted": shout("word"),
            "tabulate": tabulate.__version__,
            "files": sorted(each.name for each in Path.cwd().iterdir()),
        }

    fault = StepRetryPolicy(exception_types=[StepExceptionTypeEnum.SERVICE_FAULT], max_attempts=2)

    @step(name="score", retry_policies=[fault], **common)
    def score(numbers: list[int], factor: int) -> tuple[float, dict[str, float]]:
        return sum(numbers) * factor / 10, {"auc": 0.75}

    prepared = prepare(rows, ExecutionVariables.PIPELINE_EXECUTION_ID)
    scored = score(prepared["rows"], 2)
    session = PipelineSession()
    processor = SKLearnProcessor("1.2-1", role, instance_count=1, instance_type=SMALL, sagemaker_session=session)
    looked = ProcessingStep(
        "look", step_args=processor.run(code="look.py", arguments=[scored[1]["auc"], prepared["colour"]])
    )
    decided = ConditionStep(
        "decide",
        conditions=[ConditionGreaterThanOrEqualTo(left=scored[0], right=2.0)],
        if_steps=[looked],
        else_steps=[FailStep("low", error_message=Join(on=" ", values=["too low:", scored[0]]))],
    )
    get_step(scored).add_depends_on([prepared])
    pipeline = Pipeline("functions", parameters=[rows, colour], steps=[decided], sagemaker_session=session)
    pipeline.upsert(role_arn=role)
    good, low = pipeline.start(), pipeline.start(parameters={"Rows": 1})
    steps, low_steps = ended(good), ended(low)
    chosen = SelectiveExecutionConfig(source_pipeline_execution_arn=low.arn, selected_steps=["score"])
    selected = pipeline.start(parameters={"Rows": 1}, selective_execution_config=chosen)
    return {
        "execution": good.arn.rpartition("/")[2],
        "steps": steps,
        "low": low_steps,
        "selected": ended(selected),
        "prepared": good.result("prepare"),
        "scored": good.result("score"),
        "rescored": selected.result("score"),
    }


def failing(role: str) -> dict[str, Any]:
    """A function that raises, one whose code was changed in S3, one of another Python, one that wants conda."""
    session = PipelineSession()
    common = {"role": role, "image_uri": "python:3.11", "instance_type": SMALL}

    def lose() -> None:
        raise KeyError("lost")

    def piped(name: str, **more: Any) -> Pipeline:
        pipeline = Pipeline(name, steps=[step(lose, name=name, **common, **more)()], sagemaker_session=session)
        pipeline.upsert(role_arn=role)
        return pipeline

    pipelines = {name: piped(name) for name in ("raised", "changed")}
    pipelines["conda"] = piped("conda", job_conda_env="other")
    s3 = boto3.client("s3")
    for item in s3.list_objects_v2(Bucket=session.default_bucket(), Prefix="changed/")["Contents"]:
        if item["Key"].endswith("/function/payload.pkl"):
            s3.put_object(Bucket=session.default_bucket(), Key=item["Key"], Body=b"other")
    RuntimeEnvironmentManager._current_python_version = lambda _self: "3.7"
    pipelines["python"] = piped("python")
    started = {name: pipeline.start() for name, pipeline in pipelines.items()}
    return {name: ended(execution)[name]["FailureReason"] for name, execution in started.items()}


def remote(role: str) -> dict[str, Any]:
    """Functions that are called and answer: a value, an exception, a failure before the call."""
    bucket = PipelineSession().default_bucket()
    common = {"role": role, "image_uri": "python:3.11", "instance_type": SMALL}

    def divide(a: float, b: float) -> float:
        print("in the job")
        return a / b

    def divide_not(a: float, b: float) -> float:  # its own name: the SDK names jobs by function and millisecond
        return a / b

    quick = RemoteExecutor(max_parallel_jobs=2, s3_root_uri=f"s3://{bucket}/my/root", **common)
    stuck = RemoteExecutor(max_parallel_jobs=1, pre_execution_commands=["echo no >&2; exit 3"], **common)
    with quick, stuck:
        half, wrong, never = quick.submit(divide, 1, b=2), quick.submit(divide, 1, 0), stuck.submit(divide_not, 1, 1)
    results = boto3.client("s3").list_objects_v2(Bucket=bucket, Prefix="my/root/divide-")["Contents"]
    return {
        "half": half.result(),
        "wrong": raised(wrong),
        "never": raised(never),
        "kept": sorted({each["Key"].split("/", 3)[3] for each in results if "/results/" in each["Key"]}),
    }


def raised(future: Any) -> str:
    """The exception that a call ended with."""
    try:
        return f"answered {future.result()}"
    except Exception as error:
        return repr(error)


def notebook(*cells: str) -> str:
    """A notebook; its first cell is tagged as the parameters'."""
    made = [
        {
            "cell_type": "code",
            "execution_count": None,
            "metadata": {"tags": [] if number else ["parameters"]},
            "outputs": [],
            "source": cell,
        }
        for number, cell in enumerate(cells)
    ]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 4})


def notebooks(role: str) -> dict[str, Any]:
    """A notebook that reads a function's answer, its parameters, a script's variables; and one that fails."""
    said = "import os\nprint(name, os.environ['ANSWER'], os.environ['SCRIPTED'])\n%run more/inner.ipynb"
    Path("outer.ipynb").write_text(notebook("name = 'nobody'", said))
    Path("more").mkdir()
    Path("more/inner.ipynb").write_text(notebook("print('inner', name)"))
    Path("init.sh").write_text("export SCRIPTED=scripted\n")
    Path("broken.ipynb").write_text(notebook("pass", "1 / 0"))

    @step(name="answer", role=role, image_uri="python:3.11", instance_type=SMALL)
    def answer() -> str:
        return "answered"

    common = {"role": role, "image_uri": DISTRIBUTION, "kernel_name": "python3", "instance_type": SMALL}
    name = ParameterString("Name", default_value="amazon")
    outer = NotebookJobStep(
        name="outer",
        notebook_job_name="outer",
        input_notebook="outer.ipynb",
        additional_dependencies=["more"],
        initialization_script="init.sh",
        environment_variables={"ANSWER": answer()},
        parameters={"name": name},
        **common,
    )
    broken = NotebookJobStep(name="broken", notebook_job_name="broken", input_notebook="broken.ipynb", **common)
    # What AWS's own tests put in place of the command: a login shell, and the driver installed once more.
    installed = "pip install sagemaker-headless-execution-driver && exec amazon_sagemaker_scheduler"
    outer._scheduler_container_entry_point = ["/bin/bash"]
    outer._scheduler_container_arguments = ["-l", "-c", installed]
    found: dict[str, Any] = {}
    for each in (outer, broken):
        pipeline = Pipeline(each.name, parameters=[name], steps=[each], sagemaker_session=PipelineSession())
        pipeline.upsert(role_arn=role)
        found |= ended(pipeline.start())
    return {"steps": found}


def framework(role: str) -> dict[str, Any]:
    """A FrameworkProcessor with a folder of code, dependencies and requirements, in a pipeline."""
    for name, text in {
        "source/go.py": "import beside, sys, tabulate, sklearn\n"
        "text = f'{sys.argv[1:]} {beside.WORD} {tabulate.__version__} {sklearn.__version__}'\n"
        "open('/opt/ml/processing/out/said.txt', 'w').write(text)\n",
        "source/requirements.txt": "tabulate==0.9.0\n",
        "beside.py": "WORD = 'beside'\n",
    }.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)
    session = PipelineSession()
    processor = FrameworkProcessor(SKLearn, "1.2-1", role, 1, SMALL, sagemaker_session=session)
    place = f"s3://{session.default_bucket()}/framework"
    run = processor.run(
        code="go.py",
        source_dir="source",
        dependencies=["beside.py"],
        arguments=["--word", "two words"],
        inputs=[ProcessingInput(source="beside.py", destination="/opt/ml/processing/beside")],
        outputs=[ProcessingOutput(source="/opt/ml/processing/out", destination=place)],
    )
    pipeline = Pipeline("framework", steps=[ProcessingStep("go", step_args=run)], sagemaker_session=session)
    pipeline.upsert(role_arn=role)
    return {"steps": ended(pipeline.start()), "bucket": session.default_bucket()}


if __name__ == "__main__":
    modes = {each.__name__: each for each in (piped, failing, remote, notebooks, framework)}
    print(json.dumps(modes[sys.argv[1]](sys.argv[2]), default=str))
