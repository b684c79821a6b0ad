"""Room steps: ClarifyCheck, a check of bias or explainability against a baseline. See check_members."""

from __future__ import annotations

from stepwell.steps.check_members import CONSTRAINTS, MEMBERS, arguments, uris
from stepwell.steps.kinds import StepType

TYPE = StepType(
    "ClarifyCheck",
    "unbuilt",
    members=MEMBERS | {"ModelName"},
    required=("CheckType",),
    enums={"CheckType": ("DATA_BIAS", "MODEL_BIAS", "MODEL_EXPLAINABILITY")},
    arguments=arguments,
    properties=lambda _: uris(*CONSTRAINTS),
)
