"""`stepwell demo`: a whole pipeline on real data, seen from outside, and proof that it happened.

In: the checkout's examples/churn and a place for data. It makes a client environment with the SageMaker SDK (kept in
the user's cache), starts a server of its own on a free port, runs the churn pipeline twice (the second time with
another depth of trees), and shows the progress of every step. Out: tables of steps, the metric read from the
evaluation report, the registered model packages; exit code 0 only when the API and S3 confirm all of it.
This command is a client: it knows the server by its command line and by HTTP alone.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import uv
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Column, Table

from stepwell.base import clock
from stepwell.cli import connection
from stepwell.cli.run import NotReady, server
from stepwell.client.environment import Access

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "churn"
LOCKS = ("requirements.lock", "dataset-requirements.lock")
STEPS = ("Preprocess", "Train", "Evaluate", "GoodEnough", "Churn-RegisterModel")
LOG_GROUPS = {"ProcessingJob": "/aws/sagemaker/ProcessingJobs", "TrainingJob": "/aws/sagemaker/TrainingJobs"}
COLOURS = {"Succeeded": "green", "Executing": "cyan", "Starting": "cyan", "Failed": "red", "Stopped": "yellow"}
SECOND_DEPTH = 3
PLAIN_WIDTH = 140

Answer: TypeAlias = dict[str, Any]


class Disproof(Exception):
    """Something that a successful demo must show is not so; the message says what."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `stepwell demo`."""
    parser.add_argument(
        "--keep", action="store_true", help="keep the temporary folder that stands in for a missing --data"
    )
    parser.add_argument("--timeout", type=float, default=900.0, help="seconds that one run of the pipeline may take")


def run(options: argparse.Namespace) -> int:
    """Do the demo; 0 when everything is proven, 1 when anything is not."""
    console = Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)
    if not (EXAMPLE / "pipeline.py").is_file():
        console.print(f"[red]There is no {EXAMPLE}: the demo runs in a checkout of Stepwell (make demo).")
        return 1
    folder = Path(tempfile.mkdtemp(prefix="stepwell-demo-"))
    data = Path(options.data).absolute() if options.data else folder / "data"
    try:
        perform(console, folder, data, options.timeout)
    except (Disproof, NotReady) as problem:
        console.print(f"[red]✗[/] {escape(str(problem))}", highlight=False)
        console.print(f"Logs are kept in {folder}.", highlight=False)
        return 1
    if options.keep:
        console.print(f"Kept: {folder}", highlight=False)
    else:
        # An environment's byte code may still be being compiled into the folder: what is in use stays.
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def perform(console: Console, folder: Path, data: Path, timeout: float) -> None:
    """The demo from beginning to end. Raises Disproof at the first thing that is not as it should be."""
    python = client_python(console, Path.home() / ".cache" / "stepwell" / "clients")
    with server(data) as reached:
        console.print(f"Server: {reached.endpoint}   data: {data}", highlight=False)
        caller = account(reached, data, folder)
        first = run_once(console, caller, python, [], timeout)
        second = run_once(console, caller, python, ["--max-depth", str(SECOND_DEPTH)], timeout)
    if first.package == second.package:
        raise Disproof("both runs name the same model package")
    if second.depth != str(SECOND_DEPTH):
        raise Disproof(f"the second run trained with max_depth {second.depth}, not {SECOND_DEPTH}")
    console.print("[green]✓[/] Both runs trained, evaluated and registered a model of their own.")


# --- the client's environment ---------------------------------------------------------------------


def client_python(console: Console, cache: Path) -> Path:
    """The interpreter of an environment with the SageMaker SDK; built on first use, kept under its lock's key."""
    locks = [EXAMPLE / name for name in LOCKS]
    text = b"\0".join(lock.read_bytes() for lock in locks) + sys.version.encode()
    home = cache / hashlib.sha256(text).hexdigest()[:16]
    if not home.exists():
        console.print("Building the client's environment (SageMaker SDK 2, about 60 MB to fetch, once) ...")
        cache.mkdir(parents=True, exist_ok=True)
        build_client(Path(tempfile.mkdtemp(prefix="building-", dir=cache)), home, locks)
    return home / "bin" / "python"


def build_client(draft: Path, home: Path, locks: list[Path]) -> None:
    """Install `locks` into `draft`, and give it the name `home` once it is whole."""
    tool = uv.find_uv_bin()
    python = str(draft / "bin" / "python")
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    for command in (
        [tool, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(draft)],
        [tool, "pip", "sync", "--quiet", "--require-hashes", "--python", python, *map(str, locks)],
    ):
        if subprocess.run(command, env=environment, check=False).returncode != 0:
            shutil.rmtree(draft)
            raise Disproof(f"the client's environment could not be built: {shlex.join(command)}")
    try:
        draft.rename(home)
    except OSError:
        shutil.rmtree(draft)
        if not home.exists():
            raise


@dataclass(frozen=True, slots=True)
class Account:
    """A caller of the server: the environment for programs, clients for questions, a folder for logs."""

    environment: Mapping[str, str]
    sagemaker: Any
    s3: Any
    logs: Any
    folder: Path


def account(reached: Access, data: Path, folder: Path) -> Account:
    """The server's own key, as `stepwell env` hands it out."""
    sagemaker, s3, logs = (connection.client(service, reached) for service in ("sagemaker", "s3", "logs"))
    return Account(connection.variables(data, reached), sagemaker, s3, logs, folder)


# --- one run of the pipeline ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proof:
    """What one run of the pipeline left behind, read back from the API and from S3."""

    auc: float
    threshold: float
    depth: str
    package: str
    model: str
    model_bytes: int


def run_once(console: Console, account: Account, python: Path, arguments: list[str], timeout: float) -> Proof:
    """Start the pipeline with the SDK, follow it to its end, prove and show what it made."""
    console.rule(" ".join(["python pipeline.py", *arguments]))
    arn = start(account, python, arguments)
    console.print(arn, highlight=False)
    status = follow(console, account.sagemaker, arn, timeout)
    steps = list_steps(account.sagemaker, arn)
    console.print(step_table(step_types(account.sagemaker, arn), steps, waiting=False))
    if status != "Succeeded":
        show_failures(console, account.logs, steps)
        raise Disproof(f"the execution ended as {status}")
    proof = prove(account, arn, steps)
    console.print(f"AUC on the test set: [bold]{proof.auc:.4f}[/] (threshold {proof.threshold:g})")
    console.print(f"Model package: {proof.package}", highlight=False, soft_wrap=True)
    console.print(f"Model: {proof.model} ({proof.model_bytes:,} bytes unpacked)", highlight=False, soft_wrap=True)
    return proof


def start(account: Account, python: Path, arguments: list[str]) -> str:
    """Run the example as its user would; answers the ARN of the execution that it started."""
    log = account.folder / "client.log"
    with log.open("ab") as sink:
        answer = subprocess.run(
            [str(python), str(EXAMPLE / "pipeline.py"), "--no-wait", *arguments],
            env={**os.environ, **account.environment},
            stdout=subprocess.PIPE,
            stderr=sink,
            check=False,
        )
    output = answer.stdout.decode(errors="replace")
    if answer.returncode != 0 or not output.strip():
        # The SDK's own traceback goes to standard output.
        raise Disproof(f"pipeline.py failed:\n{tail(log.read_text(errors='replace') + output)}")
    return output.split()[-1]


def follow(console: Console, sagemaker: Any, arn: str, timeout: float) -> str:
    """Show the steps' progress until the execution has ended; answers its status."""
    deadline = clock.monotonic() + timeout
    types = step_types(sagemaker, arn)
    seen: dict[str, str] = {}
    with Live(console=console, transient=True, auto_refresh=False) as live:
        while clock.monotonic() < deadline:
            status = str(sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"])
            steps = list_steps(sagemaker, arn)
            if console.is_terminal:
                live.update(step_table(types, steps, waiting=True), refresh=True)
            else:
                print_changes(console, seen, steps)
            if status not in ("Executing", "Stopping"):
                return status
            clock.sleep(0.25)
    raise Disproof(f"the execution is still {status} after {timeout:g} s")


def print_changes(console: Console, seen: dict[str, str], steps: list[Answer]) -> None:
    """One line for every step whose status is not the one in `seen`, which is brought up to date."""
    for step in steps:
        name, status = step["StepName"], step["StepStatus"]
        if seen.get(name) != status:
            seen[name] = status
            console.print(f"  {name:<22} {status:<10} {seconds(step):6.1f} s", highlight=False)


def list_steps(sagemaker: Any, arn: str) -> list[Answer]:
    """The steps that have started, oldest first."""
    pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
        PipelineExecutionArn=arn, SortOrder="Ascending"
    )
    return [step for page in pages for step in page["PipelineExecutionSteps"]]


def step_types(sagemaker: Any, arn: str) -> dict[str, str]:
    """Type by name of every step in the execution's definition, those of branches too."""
    text = sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)["PipelineDefinition"]
    return dict(walk(json.loads(text)["Steps"]))


def walk(steps: list[Answer]) -> Iterator[tuple[str, str]]:
    for step in steps:
        yield step["Name"], step["Type"]
        for branch in ("IfSteps", "ElseSteps"):
            yield from walk(step["Arguments"].get(branch, []))


def step_table(types: Mapping[str, str], steps: list[Answer], *, waiting: bool) -> Table:
    """Step, type, status, duration, job name; with `waiting`, also the steps that have not started."""
    table = Table(Column("Step", min_width=20), "Type", "Status", "Duration", Column("Job", overflow="fold"))
    for step in steps:
        status = step["StepStatus"]
        table.add_row(
            step["StepName"],
            types.get(step["StepName"], ""),
            f"[{COLOURS.get(status, 'white')}]{status}[/]",
            f"{seconds(step):.1f} s",
            job_name(step),
        )
    started = {step["StepName"] for step in steps}
    for name in types if waiting else ():
        if name not in started:
            table.add_row(name, types[name], "[dim]-[/]", "", "")
    return table


def seconds(step: Answer) -> float:
    """How long a step has taken so far."""
    end = step["EndTime"].timestamp() if "EndTime" in step else clock.now()
    return max(0.0, float(end - step["StartTime"].timestamp()))


def job_name(step: Answer) -> str:
    """The name of what the step made (`churn/1` of a model package), or a condition's outcome."""
    for made in step.get("Metadata", {}).values():
        return str(made["Arn"].partition("/")[2] if "Arn" in made else made.get("Outcome", ""))
    return ""


def show_failures(console: Console, logs: Any, steps: list[Answer]) -> None:
    """The reasons and the last log lines of the steps that failed."""
    for step in steps:
        if step["StepStatus"] != "Failed":
            continue
        console.print(f"[red]{step['StepName']}[/]: {step.get('FailureReason', '')}", highlight=False)
        for kind in LOG_GROUPS.keys() & step.get("Metadata", {}).keys():
            for line in log_lines(logs, LOG_GROUPS[kind], job_name(step)):
                console.print(f"  {line}", highlight=False, markup=False)


def log_lines(logs: Any, group: str, job: str) -> list[str]:
    """The last log lines of a job."""
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/")["logStreams"]
    lines = []
    for stream in streams:
        page = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], limit=40)
        lines += [event["message"] for event in page["events"]]
    return lines


def tail(text: str, count: int = 25) -> str:
    """The last `count` lines of `text`."""
    return "\n".join(text.splitlines()[-count:])


# --- proof ----------------------------------------------------------------------------------------


def prove(account: Account, arn: str, steps: list[Answer]) -> Proof:
    """Read back what the run made; raises Disproof where it is not what a run must leave."""
    made = {step["StepName"]: step["Metadata"] for step in steps if step["StepStatus"] == "Succeeded"}
    if missing := [name for name in STEPS if name not in made]:
        raise Disproof(f"no success of the steps {', '.join(missing)}")
    training = account.sagemaker.describe_training_job(TrainingJobName=named(made["Train"]["TrainingJob"]))
    evaluation = account.sagemaker.describe_processing_job(ProcessingJobName=named(made["Evaluate"]["ProcessingJob"]))
    package_arn = made["Churn-RegisterModel"]["RegisterModel"]["Arn"]
    package = account.sagemaker.describe_model_package(ModelPackageName=package_arn)
    model = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    expect("the training job", training["TrainingJobStatus"], "Completed")
    expect("the evaluation job", evaluation["ProcessingJobStatus"], "Completed")
    expect("the model package", package["ModelPackageStatus"], "Completed")
    expect("the package's model", model, training["ModelArtifacts"]["S3ModelArtifacts"])
    auc, threshold = read_auc(account, evaluation), read_threshold(account, arn)
    if not 0.5 < auc < 1 or auc < threshold:
        raise Disproof(f"an AUC of {auc} with a threshold of {threshold} should not have been registered")
    size = model_size(read_object(account.s3, model))
    return Proof(auc, threshold, training["HyperParameters"]["max_depth"], package_arn, model, size)


def expect(what: str, found: object, wanted: object) -> None:
    """Raise Disproof unless `found` is `wanted`."""
    if found != wanted:
        raise Disproof(f"{what} is {found}, not {wanted}")


def named(made: Answer) -> str:
    """The job's name at the end of its ARN."""
    return str(made["Arn"]).rpartition("/")[2]


def read_auc(account: Account, evaluation: Answer) -> float:
    """The metric in the property file that the evaluation job wrote to S3."""
    (output,) = evaluation["ProcessingOutputConfig"]["Outputs"]
    report = json.loads(read_object(account.s3, output["S3Output"]["S3Uri"] + "/evaluation.json"))
    return float(report["binary_classification_metrics"]["auc"]["value"])


def read_threshold(account: Account, arn: str) -> float:
    """The threshold that this execution used."""
    answer = account.sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)
    return float({each["Name"]: each["Value"] for each in answer["PipelineParameters"]}["AucThreshold"])


def read_object(s3: Any, uri: str) -> bytes:
    """The object at an s3:// URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def model_size(archive: bytes) -> int:
    """How many bytes the trained booster in a model.tar.gz has."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        size = {member.name.removeprefix("./"): member.size for member in members}.get("xgboost-model", 0)
    if not size:
        raise Disproof("model.tar.gz holds no xgboost-model")
    return size
