"""Room steps: Model, a model that endpoints and transform jobs load. In: CreateModel's members. Out: DescribeModel's.

A model exists as soon as it is created.
"""

from __future__ import annotations

from stepwell.steps.kinds import Job, StepType
from stepwell.steps.outcomes import at_once

TYPE = StepType(
    "Model",
    "job",
    Job(noun="Model", metadata_key="Model", outcome=at_once, role_member="ExecutionRoleArn"),
    members=frozenset({"RetryPolicies"}),
)
