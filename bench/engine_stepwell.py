"""Stepwell's engine alone: a whole server in one process but for HTTP, whose containers end as soon as they start.

In: names of workloads on the command line. Out: a JSON line for each. Every step is a processing job through the whole
path: door, job row, job machine, a durable database, described at its end. Nothing of that is left out but the
container itself, which `testing.scripted_launcher` ends at once, and its Python, which is an empty folder.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from engine_workloads import WORKLOADS, Graph, Workload

from stepwell.base.arn import Scope
from stepwell.blobs.folder import Blobs
from stepwell.images import catalog
from stepwell.images.environments import Environment
from stepwell.runtime.job_objects import SiteObjects
from stepwell.runtime.jobs import JobMachine, Tools
from stepwell.runtime.loop import Loop
from stepwell.runtime.pipeline_executions import PipelineExecutionMachine
from stepwell.services.registry import Door, Site
from stepwell.services.sts import sessions
from stepwell.store import tables
from stepwell.store.database import Database
from stepwell.testing.scripted_launcher import ScriptedLauncher, ending

__all__ = ["tables"]

SCOPE = Scope("123456789012", "us-east-1", "arn:aws:sts::123456789012:assumed-role/SageMakerRole/bench")
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
POLL_SECONDS = 0.05


class NoEnvironments:
    """Stands for images.environments.Environments: what no container uses need not be there."""

    def __init__(self, folder: Path) -> None:
        (folder / "bin").mkdir(parents=True)
        (folder / "lib" / "python3.11").mkdir(parents=True)
        self._environment = Environment(folder, Path(sys.executable), Path(sys.executable), (), ())

    def prepare(self, recipe: str, report: Callable[[str], None]) -> Environment:
        return self._environment


class Engine:
    """Door, loop and machines over a folder."""

    def __init__(self, data: Path) -> None:
        roused = threading.Event()
        database = Database(data / "stepwell.db")
        self.site = Site(data, SCOPE.account, "http://127.0.0.1:9", database, Blobs(data / "blobs"), roused.set)
        self.door = Door(self.site)
        tools = Tools(
            ScriptedLauncher(ending({})),
            catalog.load(None),
            NoEnvironments(data / "environment"),
            lambda scope: SiteObjects(self.door, scope),
            sessions.issue,
        )
        machines = (PipelineExecutionMachine(self.door), JobMachine(self.site, tools))
        self.loop = Loop(database, {machine.name: machine for machine in machines}, roused)
        self.loop.start()

    def call(self, service: str, operation: str, **params: object) -> dict[str, object]:
        return self.door.call(SCOPE, service, operation, params)

    def create(self, workload: Workload) -> None:
        """The pipeline; its definition may be larger than what AWS takes inline, so it comes from S3."""
        text = json.dumps({"Version": "2020-12-01", "Steps": steps(workload.graph(), workload.is_cached)})
        self.call("s3", "CreateBucket", Bucket=f"bench-{workload.name.lower()}")
        place = {"Bucket": f"bench-{workload.name.lower()}", "ObjectKey": "definition.json"}
        self.call("s3", "PutObject", Bucket=place["Bucket"], Key=place["ObjectKey"], Body=text.encode())
        self.call(
            "sagemaker",
            "CreatePipeline",
            PipelineName=workload.name,
            PipelineDefinitionS3Location=place,
            ClientRequestToken="c" * 32,
            RoleArn=ROLE,
        )

    def run(self, workload: Workload, number: int) -> str:
        started = self.call(
            "sagemaker", "StartPipelineExecution", PipelineName=workload.name, ClientRequestToken=f"{number:032}"
        )
        arn = str(started["PipelineExecutionArn"])
        while True:
            status = self.call("sagemaker", "DescribePipelineExecution", PipelineExecutionArn=arn)
            if status["PipelineExecutionStatus"] != "Executing":
                return str(status["PipelineExecutionStatus"])
            time.sleep(POLL_SECONDS)


def steps(graph: Graph, is_cached: bool) -> list[dict[str, object]]:
    cluster = {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}
    arguments = {
        "ProcessingResources": {"ClusterConfig": cluster},
        "AppSpecification": {"ImageUri": "python:3.11", "ContainerEntrypoint": ["true"]},
    }
    cache = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"}} if is_cached else {}
    return [
        {"Name": name, "Type": "Processing", "Arguments": arguments, "DependsOn": needs, **cache}
        for name, needs in graph.items()
    ]


def measure(workload: Workload) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(Path(folder))
        engine.create(workload)
        if workload.is_cached:
            engine.run(workload, 0)
        wall, cpu = time.perf_counter(), time.process_time()
        status = engine.run(workload, 1)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        engine.loop.stop()
        engine.site.database.close()
    count = len(workload.graph())
    return {
        "peer": "Stepwell",
        "workload": workload.name,
        "status": status,
        "wall": wall,
        "cpu_per_step": cpu / count,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


if __name__ == "__main__":
    for name in sys.argv[1:] or ["W1", "W2", "W3", "W5"]:
        print(json.dumps(measure(WORKLOADS[name])), flush=True)
