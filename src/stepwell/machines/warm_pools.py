"""Room machines: warm pools, what a training job leaves for the next. In: training jobs as they are written down.
Out: whether one may take what another left, and what Describe says of it.

A pool has no row of its own: it is the job that left it, in the phase Warm. As long as it is, the job keeps its room
on this machine and its folder. The rules are AWS's (developer guide, SageMaker AI managed warm pools).
"""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.machines.job_outcomes import Verdict

LONGEST_SECONDS = 28 * 86400.0
"""A pool that goes from job to job ends so long after its first began."""
ALIKE = (
    ("RoleArn",),
    ("ResourceConfig", "InstanceCount"),
    ("ResourceConfig", "InstanceType"),
    ("ResourceConfig", "VolumeKmsKeyId"),
    ("ResourceConfig", "VolumeSizeInGB"),
    ("EnableInterContainerTrafficEncryption",),
    ("EnableNetworkIsolation",),
    ("SessionChainingConfig", "EnableSessionTagChaining"),
)
"""What must be the same in both jobs; nothing and false are the same."""
SETS = (("VpcConfig", "SecurityGroupIds"), ("VpcConfig", "Subnets"))
BLAMED_ON_THE_JOB = ("AlgorithmError:", "ClientError:")


def keep_alive(document: Document) -> float | None:
    """How long the job's instances are kept after it (seconds); None: they are not. Of 0 there is no pool."""
    seconds = document.get("ResourceConfig", {}).get("KeepAlivePeriodInSeconds")
    return float(seconds) if seconds else None


def fits(pool: Document, job: Document) -> bool:
    """Whether `job` may run in what the job `pool` left."""
    if job.get("EnableManagedSpotTraining") or not job.get("ResourceConfig", {}).get("InstanceType"):
        return False
    alike = all((_value(pool, path) or None) == (_value(job, path) or None) for path in ALIKE)
    return alike and all(_set(pool, path) == _set(job, path) for path in SETS)


def is_healthy(verdict: Verdict) -> bool:
    """Whether instances are kept after such an end: unless the platform failed, they are."""
    return verdict.status != "Failed" or verdict.reason.startswith(BLAMED_ON_THE_JOB)


def status(shown: str, seconds: float | None = None, reused_by: str = "") -> Document:
    """WarmPoolStatus. `seconds`: how long the pool was kept."""
    found: Document = {"Status": shown}
    if seconds is not None:
        found["ResourceRetainedBillableTimeInSeconds"] = max(0, round(seconds))
    if reused_by:
        found["ReusedByJob"] = reused_by
    return found


def _value(document: Document, path: tuple[str, ...]) -> object:
    found: object = document
    for member in path:
        found = found.get(member) if isinstance(found, dict) else None
    return found


def _set(document: Document, path: tuple[str, ...]) -> frozenset[object]:
    found = _value(document, path)
    return frozenset(found) if isinstance(found, list) else frozenset()
