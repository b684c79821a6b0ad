"""The model registry's rows: how groups and packages are named, found, and missed. Spec 04, section 1.

A version of a group is a child row of the group, named `<group>/<version>` as in its ARN; an unversioned package is
a row without a parent. Shared by the nouns of the registry.
"""

from __future__ import annotations

from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.base.faults import Fault, validation
from stepwell.store import resources
from stepwell.store.database import Connection
from stepwell.store.resources import Key, Resource

GROUP = "model-package-group"
PACKAGE = "model-package"


def name_of(scope: Scope, reference: str, kind: str) -> str:
    """The name in a reference, which is a name or an ARN of this account and region. Raises ValidationException."""
    parsed = arns.parse(reference)
    if parsed is None:
        return reference
    if (parsed.kind, parsed.account, parsed.region) != (kind, scope.account, scope.region):
        raise validation(f"{reference} is not the ARN of a {kind} of account {scope.account} in {scope.region}.")
    return parsed.name


def group_arn(scope: Scope, name: str) -> str:
    """The ARN of the group of that name."""
    return scope.arn("sagemaker", f"{GROUP}/{name}")


def find_group(connection: Connection, scope: Scope, reference: str) -> Resource:
    """The group of that name or ARN. Raises ValidationException."""
    name = name_of(scope, reference, GROUP)
    found = resources.find_ignoring_case(connection, resources.key(scope, GROUP, name))
    if found is None:
        raise validation(f"ModelPackageGroup {group_arn(scope, name)} does not exist.")
    return found


def package_arn(scope: Scope, name: str) -> str:
    """The ARN of a package; `name` is `<group>/<version>` for versions."""
    return scope.arn("sagemaker", f"{PACKAGE}/{name}")


def package_key(scope: Scope, name: str) -> Key:
    """Where a package lives; `name` is `<group>/<version>` for versions."""
    group, slash, _ = name.rpartition("/")
    return resources.key(scope, PACKAGE, name, group if slash else "")


def find_package(connection: Connection, scope: Scope, reference: str) -> Resource:
    """The package of that ARN or name. Raises ValidationException."""
    name = name_of(scope, reference, PACKAGE)
    found = resources.find_ignoring_case(connection, package_key(scope, name))
    if found is None:
        raise validation(f"ModelPackage {package_arn(scope, name)} does not exist.")
    return found


def conflict(message: str) -> Fault:
    return Fault("ConflictException", message)
