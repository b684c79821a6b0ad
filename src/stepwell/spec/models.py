"""Room spec: AWS's service models as small values. In: a service's name. Out: its operations and shapes.

The data is botocore's (`data/<service>/<version>/service-2.json.gz`, the newest version), read on first use
and kept: SageMaker's takes 30 ms. Names follow botocore's where it has one, so what is known of it helps here.
Nothing in this room can be changed by its readers.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from stepwell.base.documents import Document
from stepwell.spec import corrections

SCALARS = frozenset({"string", "character", "integer", "long", "float", "double", "boolean", "timestamp", "blob"})

PROTOCOL_PREFERENCE = ("json", "rest-json", "rest-xml", "smithy-rpc-v2-cbor", "query", "ec2")
"""Where a model offers several protocols, botocore's clients take the first of these (spec 06, section 1)."""


class UnknownServiceError(LookupError):
    """botocore has no model of this name."""


class UnknownOperationError(LookupError):
    """The service has no operation of this name."""


class Shape:
    """A named type of a service model. One object per name and service, so identity is equality."""

    def __init__(self, service: ServiceModel, name: str, traits: Mapping[str, object]) -> None:
        self.service = service
        self.name = name
        self.traits: Document = dict(traits)
        self.kind: str = self.traits["type"]
        """structure, list, map, string, integer, long, float, double, boolean, timestamp or blob."""

    def __repr__(self) -> str:
        return f"<Shape {self.service.name}.{self.name}: {self.kind}>"

    @cached_property
    def members(self) -> Mapping[str, Member]:
        """Of a structure: its members by name, in the model's order. Of anything else: empty."""
        raw = self.traits.get("members", {})
        return MappingProxyType({name: self._member(name, reference) for name, reference in raw.items()})

    @cached_property
    def required(self) -> tuple[str, ...]:
        """Names of the members that must be present."""
        return tuple(self.traits.get("required", ()))

    @cached_property
    def element(self) -> Member:
        """Of a list: what it holds."""
        return self._member("member", self.traits["member"])

    @cached_property
    def key(self) -> Member:
        """Of a map: its keys."""
        return self._member("key", self.traits["key"])

    @cached_property
    def value(self) -> Member:
        """Of a map: its values."""
        return self._member("value", self.traits["value"])

    @property
    def enum(self) -> tuple[str, ...]:
        """The allowed values of a string; empty when there is no such list."""
        return tuple(self.traits.get("enum", ()))

    @property
    def is_scalar(self) -> bool:
        return self.kind in SCALARS

    @property
    def is_streaming(self) -> bool:
        return bool(self.traits.get("streaming"))

    @property
    def payload(self) -> Member | None:
        """The member that is the whole HTTP body (REST protocols), if one is."""
        name = self.traits.get("payload")
        return self.members[name] if name else None

    def _member(self, name: str, reference: Document) -> Member:
        return Member(name, self.service.shape(reference["shape"]), MappingProxyType(reference))


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A place of a shape inside another: what stands there, and how it travels."""

    name: str
    shape: Shape
    traits: Mapping[str, object] = field(repr=False)
    """The reference's own words: locationName, location, flattened, xmlNamespace, streaming, …"""

    @property
    def location(self) -> str | None:
        """uri, querystring, header, headers, statusCode; None: in the body."""
        found = self.traits.get("location")
        return found if isinstance(found, str) else None

    @property
    def wire_name(self) -> str:
        """The name on the wire, where it differs from the member's own."""
        found = self.traits.get("locationName") or self.name
        return str(found)

    def trait(self, name: str) -> object:
        """A trait of this place or else of the shape that stands there."""
        found = self.traits.get(name)
        return self.shape.traits.get(name) if found is None else found


class OperationModel:
    """One operation: its shapes, its HTTP form and its errors."""

    def __init__(self, service: ServiceModel, name: str, traits: Mapping[str, object]) -> None:
        self.service = service
        self.name = name
        self.traits: Document = dict(traits)

    def __repr__(self) -> str:
        return f"<OperationModel {self.service.name}.{self.name}>"

    @cached_property
    def input_shape(self) -> Shape | None:
        """The structure of the request; None when the operation takes nothing."""
        return self._shape("input")

    @cached_property
    def output_shape(self) -> Shape | None:
        """The structure of the answer; None when the operation answers nothing."""
        return self._shape("output")

    @cached_property
    def error_shapes(self) -> tuple[Shape, ...]:
        """The modelled exceptions of this operation."""
        return tuple(self.service.shape(error["shape"]) for error in self.traits.get("errors", ()))

    @property
    def method(self) -> str:
        """The HTTP method."""
        return str(self.traits["http"].get("method", "POST"))

    @property
    def request_uri(self) -> str:
        """The path template, such as `/{Bucket}/{Key+}?uploads`."""
        return str(self.traits["http"].get("requestUri", "/"))

    @property
    def success_status(self) -> int:
        return int(self.traits["http"].get("responseCode", 200))

    @cached_property
    def streaming_input(self) -> Member | None:
        """The member of the request that is a stream of bytes, if one is."""
        return _streaming(self.input_shape)

    @cached_property
    def streaming_output(self) -> Member | None:
        """The member of the answer that is a stream of bytes, if one is."""
        return _streaming(self.output_shape)

    def _shape(self, side: str) -> Shape | None:
        reference = self.traits.get(side)
        return self.service.shape(reference["shape"]) if reference else None


def _streaming(shape: Shape | None) -> Member | None:
    payload = shape.payload if shape else None
    return payload if payload and payload.shape.kind == "blob" and payload.trait("streaming") else None


class ServiceModel:
    """One service at its newest API version."""

    def __init__(self, name: str, model: Document) -> None:
        self.name = name
        """botocore's name of it, as clients are created by: `sagemaker`, `s3`, `sagemaker-runtime`."""
        self.metadata: Mapping[str, object] = MappingProxyType(model["metadata"])
        self._raw_shapes: Document = model["shapes"]
        self._raw_operations: Document = model["operations"]
        self._shapes: dict[str, Shape] = {}
        self._operations: dict[str, OperationModel] = {}

    def __repr__(self) -> str:
        return f"<ServiceModel {self.name}>"

    @cached_property
    def protocol(self) -> str:
        """json, rest-json, rest-xml or query: what botocore clients speak to this service."""
        offered = self.metadata.get("protocols") or [self.metadata["protocol"]]
        assert isinstance(offered, list)
        return next(protocol for protocol in PROTOCOL_PREFERENCE if protocol in offered)

    @property
    def target_prefix(self) -> str | None:
        """What stands before the dot in X-Amz-Target (JSON protocols)."""
        return self._text("targetPrefix")

    @property
    def endpoint_prefix(self) -> str:
        """The first labels of the host name, such as `api.sagemaker`."""
        return str(self.metadata["endpointPrefix"])

    @property
    def signing_name(self) -> str:
        """The service's name in the credential scope of a signature."""
        return self._text("signingName") or self.endpoint_prefix

    @property
    def json_version(self) -> str:
        return self._text("jsonVersion") or "1.0"

    @property
    def api_version(self) -> str:
        return str(self.metadata["apiVersion"])

    @property
    def xml_namespace(self) -> str | None:
        return self._text("xmlNamespace")

    @cached_property
    def operation_names(self) -> tuple[str, ...]:
        return tuple(self._raw_operations)

    def has_operation(self, name: str) -> bool:
        return name in self._raw_operations

    def operation(self, name: str) -> OperationModel:
        """The operation called `name`. Raises UnknownOperationError."""
        found = self._operations.get(name)
        if found is None:
            if name not in self._raw_operations:
                raise UnknownOperationError(f"{self.name} has no operation {name}")
            found = self._operations.setdefault(name, OperationModel(self, name, self._raw_operations[name]))
        return found

    def shape(self, name: str) -> Shape:
        """The shape called `name`. Raises KeyError."""
        found = self._shapes.get(name)
        # setdefault keeps one object per name when two threads ask at once.
        return found or self._shapes.setdefault(name, Shape(self, name, self._raw_shapes[name]))

    @cached_property
    def errors(self) -> Mapping[str, Shape]:
        """Modelled exceptions by the code that clients see."""
        found: dict[str, Shape] = {}
        for name, traits in self._raw_shapes.items():
            if traits.get("exception"):
                found[traits.get("error", {}).get("code", name)] = self.shape(name)
        return MappingProxyType(found)

    def _text(self, name: str) -> str | None:
        found = self.metadata.get(name)
        return str(found) if found else None


_services: dict[str, ServiceModel] = {}
_loading = threading.Lock()


def service(name: str) -> ServiceModel:
    """The model of the service botocore calls `name`. Raises UnknownServiceError."""
    found = _services.get(name)
    if found is None:
        with _loading:
            found = _services.get(name) or _services.setdefault(name, _load(name))
    return found


def operation(service_name: str, name: str) -> OperationModel:
    """One operation of one service. Raises UnknownServiceError or UnknownOperationError."""
    return service(service_name).operation(name)


def operations(service_name: str) -> tuple[str, ...]:
    """Names of all operations of a service. Raises UnknownServiceError."""
    return service(service_name).operation_names


def data_file(service_name: str, stem: str) -> Document | None:
    """A data file of the service's newest version, such as `paginators-1`; None when it has none.

    Raises UnknownServiceError.
    """
    folder = _newest(service_name)
    for path, opener in ((folder / f"{stem}.json.gz", gzip.open), (folder / f"{stem}.json", Path.open)):
        if path.is_file():
            with opener(path) as stream:
                loaded: Document = json.load(stream)
            return loaded
    return None


def _load(name: str) -> ServiceModel:
    model = data_file(name, "service-2")
    if model is None:
        raise UnknownServiceError(name)
    for part in _described(model):
        part.pop("documentation", None)
    corrections.apply(name, model)
    return ServiceModel(name, model)


def _described(model: Document) -> Iterator[Document]:
    """Every part of a model that carries prose: nobody here reads it, and it is half of the memory."""
    yield model
    for traits in model["operations"].values():
        yield traits
        yield from (traits[side] for side in ("input", "output") if side in traits)
    for traits in model["shapes"].values():
        yield traits
        yield from traits.get("members", {}).values()
        yield from (traits[part] for part in ("member", "key", "value") if part in traits)


def _newest(service_name: str) -> Path:
    package = importlib.util.find_spec("botocore")
    if package is None or not package.submodule_search_locations:
        raise UnknownServiceError(f"{service_name}: botocore is not installed")
    folder = Path(package.submodule_search_locations[0]) / "data" / service_name
    # The name comes from our own code and routing tables; a separator in it would be a bug, not a request.
    versions = sorted(folder.glob("*/service-2.json*")) if service_name.count("/") == 0 else []
    if not versions:
        raise UnknownServiceError(f"botocore has no service {service_name!r}")
    return versions[-1].parent
