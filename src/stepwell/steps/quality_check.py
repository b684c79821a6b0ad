"""Room steps: QualityCheck, a check of data or model quality against a baseline. See check_members."""

from __future__ import annotations

from stepwell.steps.check_members import CONSTRAINTS, MEMBERS, STATISTICS, arguments, uris
from stepwell.steps.kinds import StepType

TYPE = StepType(
    "QualityCheck",
    "unbuilt",
    members=MEMBERS | {"SuppliedBaselineStatistics"},
    required=("CheckType",),
    enums={"CheckType": ("DATA_QUALITY", "MODEL_QUALITY")},
    arguments=arguments,
    properties=lambda _: uris(*STATISTICS, *CONSTRAINTS),
)
