"""Models: which container serves which artifact. CreateModel, DescribeModel, ListModels, DeleteModel.

A model is only a description here; endpoints and transform jobs read it. Error codes: spec 06, section 2.
"""

from __future__ import annotations

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import validation
from stepwell.services import paging
from stepwell.services.events import announcements
from stepwell.services.registry import Call, operation
from stepwell.services.sagemaker.tag_lists import tag_map
from stepwell.store import resources, tags
from stepwell.store.database import Connection
from stepwell.store.resources import AlreadyExists, Resource

KIND = "model"


def model_arn(scope: Scope, name: str) -> str:
    """The ARN of the model of that name."""
    return scope.arn("sagemaker", f"{KIND}/{name}")


@operation
def create_model(call: Call, request: Document) -> Document:
    name = request["ModelName"]
    arn, given_tags = model_arn(call.scope, name), tag_map(request.get("Tags"))
    for container in _containers(request):
        _check_container(call, container)
    model = Resource(resources.key(call.scope, KIND, name), "", call.now, call.now, _document(request))
    with call.site.database.write() as transaction:
        try:
            resources.add(transaction, model)
        except AlreadyExists:
            raise validation(f'Cannot create already existing model "{arn}".') from None
        tags.put(transaction, arn, given_tags)
        announcements.model_changed(call.site, transaction, model, call.now)
    return {"ModelArn": arn}


@operation
def describe_model(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        model = _find(connection, call.scope, request["ModelName"])
    return {**model.document, **_heading(call, model)}


@operation
def list_models(call: Call, request: Document) -> Document:
    return paging.answer(call, paging.query(request, call, KIND), "Models", lambda model: _heading(call, model))


@operation
def delete_model(call: Call, request: Document) -> Document:
    with call.site.database.write() as transaction:
        model = _find(transaction.connection, call.scope, request["ModelName"])
        resources.remove(transaction, model.key)
        tags.clear(transaction, model_arn(call.scope, model.name))
        announcements.model_changed(call.site, transaction, model, call.now)
    return {}


def _find(connection: Connection, scope: Scope, name: str) -> Resource:
    found = resources.find(connection, resources.key(scope, KIND, name))
    if found is None:
        raise validation(f'Could not find model "{model_arn(scope, name)}".')
    return found


def _heading(call: Call, model: Resource) -> Document:
    return {
        "ModelName": model.name,
        "ModelArn": model_arn(call.scope, model.name),
        "CreationTime": model.created,
    }


def _containers(request: Document) -> list[Document]:
    """The model's containers, however they are given. Raises ValidationException for both ways or neither."""
    primary, several = request.get("PrimaryContainer"), request.get("Containers")
    if primary is not None and several:
        raise validation("You can specify either PrimaryContainer or Containers, but not both.")
    containers = [primary] if primary is not None else several
    if not containers:
        raise validation("You must specify either PrimaryContainer or Containers.")
    names = [container["ContainerHostname"] for container in containers if "ContainerHostname" in container]
    if len(set(names)) < len(names):
        raise validation(f"ContainerHostname must be unique within a model, found {names}.")
    return containers


def _check_container(call: Call, container: Document) -> None:
    package = container.get("ModelPackageName")
    if package is None and "Image" not in container:
        raise validation("A container must specify either Image or ModelPackageName.")
    if "ModelDataUrl" in container and "ModelDataSource" in container:
        raise validation("A container can specify either ModelDataUrl or ModelDataSource, but not both.")
    if package is not None:
        _check_package(call, package)


def _check_package(call: Call, reference: str) -> None:
    """The package must exist, and a version of a group must be approved (CreateModelPackage, ModelApprovalStatus)."""
    package = call.call("sagemaker", "DescribeModelPackage", {"ModelPackageName": reference})
    approval = package.get("ModelApprovalStatus", "Approved")
    if approval != "Approved":
        raise validation(
            f"Model package {package['ModelPackageArn']} must be Approved before a model can be created from it; "
            f"its ModelApprovalStatus is {approval}."
        )


def _document(request: Document) -> Document:
    """What Describe answers: the request, with AWS's default for how a container loads models."""
    document = {member: value for member, value in request.items() if member not in ("ModelName", "Tags")}
    document.setdefault("EnableNetworkIsolation", False)
    if "PrimaryContainer" in document:
        document["PrimaryContainer"] = _with_mode(document["PrimaryContainer"])
    if "Containers" in document:
        document["Containers"] = [_with_mode(container) for container in document["Containers"]]
    return document


def _with_mode(container: Document) -> Document:
    return {"Mode": "SingleModel", **container} if "Image" in container else container
