"""Amazon Resource Names, and who is asking."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose call it is, and where: every noun lives in one account and one region."""

    account: str
    region: str
    principal: str = ""
    """ARN of the caller, such as arn:aws:sts::123456789012:assumed-role/SageMakerRole/stepwell."""

    def arn(self, service: str, resource: str) -> str:
        """The ARN of `resource` of `service` in this account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"


@dataclass(frozen=True, slots=True)
class Arn:
    """The six parts of an ARN."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"

    @property
    def kind(self) -> str:
        """What stands before the first slash: `training-job` of `training-job/x`."""
        return self.resource.partition("/")[0]

    @property
    def name(self) -> str:
        """What stands behind the first slash: `x` of `training-job/x`."""
        return self.resource.partition("/")[2]


def parse(text: str) -> Arn | None:
    """The parts of `text`, or None when it is no ARN."""
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or not parts[5]:
        return None
    return Arn(*parts[1:])
