"""Room runtime: what a job's containers tell about their end. In: observations and the files they left. Out: values.

From here on a job's end is what `machines/job_outcomes.py` and Describe need, whatever launcher it ran under.
"""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.container import results
from stepwell.container.plan import Plan
from stepwell.container.training import model_artifacts
from stepwell.images.catalog import Image
from stepwell.images.metrics import metric_definitions
from stepwell.launchers.launcher import Exited, Observation
from stepwell.machines.job_outcomes import HostEnd, Verdict
from stepwell.runtime.job_folders import JobFolder
from stepwell.runtime.job_records import Record


def host_end(plan: Plan, host: str, seen: Observation, place: JobFolder) -> HostEnd:
    """How the container of `host` ended; anything but an exit means that nobody can say."""
    if not isinstance(seen, Exited):
        return HostEnd(host, lost=True)
    root = place.opt_ml(host)
    return HostEnd(
        host,
        code=seen.code,
        signal=seen.signal,
        out_of_memory=seen.out_of_memory,
        timed_out=seen.timed_out,
        stopped=seen.stopped,
        full=seen.full,
        volume_gib=plan.volume_gib,
        error=seen.error,
        failure=results.failure(root),
        message_is_text=results.message(root) is not None,
    )


def members(state: Record, plan: Plan, verdict: Verdict, place: JobFolder) -> Document:
    """What the containers add to the job's Describe answer."""
    match state.kind.name:
        case "processing":
            messages = [results.message(place.opt_ml(host)) or "" for host in plan.hosts]
            return {"ExitMessage": results.joined(messages)} if any(messages) else {}
        case "training" if verdict.status != "Failed":
            artifacts = model_artifacts(state.name, state.document["OutputDataConfig"])
            return {"ModelArtifacts": {"S3ModelArtifacts": str(artifacts)}}
        case _:
            return {}


def definitions_member(document: Document, image: Image) -> Document:
    """The AlgorithmSpecification of a built-in algorithm with the service's metric definitions; else nothing."""
    algorithm = document.get("AlgorithmSpecification")
    if algorithm is None or "sagemaker_program" in document.get("HyperParameters", {}):
        return {}
    if algorithm.get("MetricDefinitions") or algorithm.get("ContainerEntrypoint"):
        return {}
    definitions = metric_definitions(image, document.get("HyperParameters", {}))
    return {"AlgorithmSpecification": {**algorithm, "MetricDefinitions": definitions}} if definitions else {}
