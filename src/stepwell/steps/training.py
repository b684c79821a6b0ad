"""Room steps: Training, a training job. In: CreateTrainingJob's members. Out: DescribeTrainingJob's."""

from __future__ import annotations

from stepwell.steps.kinds import JOB_MEMBERS, Job, StepType
from stepwell.steps.outcomes import by_status

TYPE = StepType(
    "Training",
    "job",
    Job(
        noun="TrainingJob",
        metadata_key="TrainingJob",
        outcome=by_status("TrainingJobStatus"),
        stop="StopTrainingJob",
        name_variable="TrainingJobName",
        takes_experiment=True,
    ),
    members=JOB_MEMBERS,
)
