"""Room gateway/protocols: an error about to be told, with all that the protocols need to tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stepwell.spec.models import ServiceModel, Shape


@dataclass(frozen=True, slots=True)
class Problem:
    """A Fault in its final form."""

    code: str
    message: str
    status: int
    request_id: str
    members: Mapping[str, object] = field(default_factory=dict)
    service: ServiceModel | None = None
    shape: Shape | None = None
    """The modelled exception of this code, if the service has one."""
    resource: str = ""
    """The path that was asked for."""

    @property
    def is_ours(self) -> bool:
        """The server's fault rather than the sender's."""
        return self.status >= 500
