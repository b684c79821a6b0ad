"""AWS's protocols, one file each: `parse` a request, `render` an output, `fault` an error.

May import: the other files of `gateway`, `spec`, `base`. Here is the table the gateway chooses from.

To add one: a file with `parse(route, request, body)`, `render(operation, output, request_id)` and
`fault(problem)`, a line below, and its name in `spec.models.PROTOCOL_PREFERENCE`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from stepwell.base.documents import Document
from stepwell.gateway.body import BodyStream
from stepwell.gateway.protocols import json, query, rest_json, rest_xml
from stepwell.gateway.protocols.problem import Problem
from stepwell.gateway.request import Request
from stepwell.gateway.responses import Response
from stepwell.gateway.routing import Route
from stepwell.spec.models import OperationModel


class Codec(Protocol):
    """One protocol, both ways."""

    def parse(self, route: Route, request: Request, body: BodyStream) -> Document:
        """The request's parameters, by member name. Raises Fault when they cannot be read."""

    def render(self, operation: OperationModel, output: Document, request_id: str) -> Response:
        """The answer: members of the output shape, and nothing else."""

    def fault(self, problem: Problem) -> Response:
        """The error as this protocol tells it."""


CODECS: Mapping[str, Codec] = {
    "json": json,
    "query": query,
    "rest-json": rest_json,
    "rest-xml": rest_xml,
}
"""By the name the models use."""
