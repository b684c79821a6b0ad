"""Room gateway: services whose model has left query for JSON, but which older clients still speak query to.

In: the service's model. Out: the same model as a query service, with the names of the wire that the model no longer
tells; an action's answer and errors are rendered by them. The Door is asked under the same service and operation.
Sources: SQS API Reference, 2012-11-05, request and response examples of each action; CloudWatch's model still tells
all its names.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from stepwell.base.documents import Document
from stepwell.spec import corrections, models
from stepwell.spec.models import ServiceModel

NAMESPACES: Mapping[str, str] = {
    "cloudwatch": "http://monitoring.amazonaws.com/doc/2010-08-01/",
    "sqs": "http://queue.amazonaws.com/doc/2012-11-05/",
}
"""The services, and the XML namespace of their answers."""

ELEMENTS: Mapping[str, str] = {
    "BinaryList": "BinaryListValue",
    "StringList": "StringListValue",
    "MessageSystemAttributeList": "MessageSystemAttributeName",
}
"""Lists whose elements are not called as the list is, without `List`."""


@lru_cache(maxsize=16)
def form_of(service: ServiceModel) -> ServiceModel | None:
    """The service as it speaks query; None when it does not."""
    namespace = NAMESPACES.get(service.name)
    model = models.data_file(service.name, "service-2") if namespace else None
    if model is None:
        return None
    corrections.apply(service.name, model)
    model["metadata"].update({"protocol": "query", "protocols": ["query"], "xmlNamespace": namespace})
    for name, operation in model["operations"].items():
        if "output" in operation:
            operation["output"]["resultWrapper"] = f"{name}Result"
    if service.name == "sqs":
        for name, shape in model["shapes"].items():
            _name_parts(name, shape, model["shapes"])
    return ServiceModel(service.name, model)


def completed(service: ServiceModel, fields: tuple[tuple[str, str], ...], path: str) -> tuple[tuple[str, str], ...]:
    """The form's fields; a request that goes to a queue's own path need not name the queue again."""
    is_named = any(name == "QueueUrl" for name, _ in fields)
    if service.name != "sqs" or is_named or path.strip("/") == "":
        return fields
    return (*fields, ("QueueUrl", path))


def _name_parts(name: str, shape: Document, shapes: Document) -> None:
    match shape["type"]:
        case "list":
            shape["member"]["locationName"] = ELEMENTS.get(name, name.removesuffix("List"))
        case "map":
            shape["key"]["locationName"] = "Key" if name == "TagMap" else "Name"
            shape["value"]["locationName"] = "Value"
        case "structure":
            for member, reference in shape["members"].items():
                if shapes[reference["shape"]]["type"] == "map":
                    # Attributes.1 of the model is Attribute.1 on the wire, tags.1 is Tag.1
                    reference["locationName"] = member[:1].upper() + member[1:].removesuffix("s")
