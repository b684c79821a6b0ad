"""Room steps: Processing, a processing job. In: CreateProcessingJob's members. Out: DescribeProcessingJob's."""

from __future__ import annotations

from stepwell.steps.kinds import JOB_MEMBERS, Job, StepType
from stepwell.steps.outcomes import by_status

TYPE = StepType(
    "Processing",
    "job",
    Job(
        noun="ProcessingJob",
        metadata_key="ProcessingJob",
        outcome=by_status("ProcessingJobStatus"),
        stop="StopProcessingJob",
        name_variable="ProcessingJobName",
        takes_experiment=True,
    ),
    members=JOB_MEMBERS,
    has_property_files=True,
)
