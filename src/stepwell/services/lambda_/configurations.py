"""What a function is: its configuration. In: requests. Out: documents of the shape FunctionConfiguration.

What this server cannot do is refused when it is asked for, naming it, rather than ignored. Limits and defaults are
those of the Lambda API Reference (CreateFunction) and of Lambda's quotas page.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from stepwell.base import arn as arns
from stepwell.base.documents import Document
from stepwell.base.faults import Fault, validation
from stepwell.services.lambda_ import entities, faults
from stepwell.services.lambda_.function_code import Code

MOST_SECONDS = 900
DEFAULT_SECONDS = 3
DEFAULT_MEGABYTES = 128
MOST_VARIABLE_BYTES = 4096
PYTHON = "python3."

RESERVED = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)
"""Environment variables that Lambda sets (Lambda Developer Guide, "Defined runtime environment variables")."""

_COPIED = ("Role", "Handler", "Runtime", "Description", "Timeout", "MemorySize", "KMSKeyArn", "TracingConfig")
_NOT_HERE = {
    "Layers": "Layers",
    "FileSystemConfigs": "File systems (FileSystemConfigs)",
    "ImageConfig": "Container images (ImageConfig)",
    "CodeSigningConfigArn": "Code signing (CodeSigningConfigArn)",
    "TenancyConfig": "Tenant isolation (TenancyConfig)",
    "CapacityProviderConfig": "Capacity providers (CapacityProviderConfig)",
    "DurableConfig": "Durable functions (DurableConfig)",
    "AcceleratorConfig": "Accelerators (AcceleratorConfig)",
    "PublishTo": "Publishing to $LATEST.PUBLISHED (PublishTo)",
}


def new(request: Document, code: Code, now: float) -> Document:
    """The configuration of a function that CreateFunction asks for. Raises Fault."""
    name = request["FunctionName"]
    defaults: Document = {
        "Description": "",
        "Timeout": DEFAULT_SECONDS,
        "MemorySize": DEFAULT_MEGABYTES,
        "TracingConfig": {"Mode": "PassThrough"},
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"},
        "PackageType": "Zip",
        "State": "Active",
        "LastVersion": 0,
    }
    return touched(with_code(_without_nulls({**defaults, **_given(request, name)}), code, request), now)


def changed(document: Document, name: str, request: Document, now: float) -> Document:
    """The configuration after UpdateFunctionConfiguration. Raises Fault."""
    check(request)
    return touched(_without_nulls({**document, **_given(request, name)}), now)


def with_code(document: Document, code: Code, request: Document) -> Document:
    """The configuration with other code, and the architectures the request names."""
    architectures = request.get("Architectures") or document.get("Architectures") or ["x86_64"]
    members = {"CodeHash": code.hash, "CodeSize": code.size, "CodeSha256": code.sha256}
    return {**document, **members, "Architectures": architectures}


def touched(document: Document, now: float) -> Document:
    """The configuration as one that changed at `now` (epoch seconds)."""
    moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")
    members = {"LastModified": moment, "RevisionId": entities.fresh_revision(), "LastUpdateStatus": "Successful"}
    return {**document, **members}


def check_new(request: Document) -> None:
    """Raises Fault when a function cannot be made as CreateFunction asks."""
    if request.get("PackageType", "Zip") != "Zip" or "ImageUri" in request["Code"]:
        raise _not_here("Container images (PackageType Image)", "Give the code as a zip archive.")
    if not request.get("Runtime") or not request.get("Handler"):
        raise faults.invalid(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    check(request)


def check(request: Document) -> None:
    """Raises Fault for settings that cannot be, or cannot be had here."""
    for member, what in _NOT_HERE.items():
        if request.get(member):
            raise _not_here(what, "Leave it out.")
    if request.get("DeadLetterConfig", {}).get("TargetArn"):
        raise _not_here("Dead-letter queues (DeadLetterConfig)", "Leave it out.")
    if request.get("LoggingConfig", {}).get("LogFormat", "Text") != "Text":
        raise _not_here("JSON logs (LoggingConfig.LogFormat)", "Use Text.")
    role = arns.parse(request["Role"]) if "Role" in request else None
    if "Role" in request and (role is None or role.kind != "role"):
        raise faults.invalid("The role defined for the function cannot be assumed by Lambda.")
    if "\0" in request.get("Handler", ""):
        raise faults.invalid("The handler cannot contain a NUL character.")
    _check_runtime(request.get("Runtime", PYTHON))
    _check_timeout(request.get("Timeout", DEFAULT_SECONDS))
    _check_variables(request.get("Environment", {}).get("Variables", {}))


def check_revision(document: Document, request: Document) -> None:
    """Raises PreconditionFailedException when the caller's RevisionId is not the present one."""
    if request.get("RevisionId") not in (None, document["RevisionId"]):
        raise faults.wrong_revision()


def is_same(one: Document, other: Document) -> bool:
    """Whether two configurations would run alike: publishing the second would change nothing."""
    ignored = {*entities.OURS, "RevisionId", "LastModified", "Description", "Version"}
    ignored.remove("CodeHash")
    members = (one.keys() | other.keys()) - ignored
    return all(one.get(member) == other.get(member) for member in members)


def _given(request: Document, name: str) -> Document:
    """The members that the request sets; None removes one. An empty structure is how clients take something away."""
    given: Document = {member: request[member] for member in _COPIED if member in request}
    if "Environment" in request:
        given["Environment"] = request["Environment"] if request["Environment"].get("Variables") else None
    if "VpcConfig" in request:
        given["VpcConfig"] = _vpc(request["VpcConfig"])
    if "EphemeralStorage" in request:
        given["EphemeralStorage"] = request["EphemeralStorage"]
    if "SnapStart" in request:
        given["SnapStart"] = {"OptimizationStatus": "Off", **request["SnapStart"]}
    if "LoggingConfig" in request:
        group = request["LoggingConfig"].get("LogGroup") or f"/aws/lambda/{name}"
        given["LoggingConfig"] = {"LogFormat": "Text", "LogGroup": group}
    return given


def _without_nulls(document: Document) -> Document:
    return {member: value for member, value in document.items() if value is not None}


def _vpc(given: Document) -> Document | None:
    """A VPC as it is echoed: there is none here, functions use the network of this machine."""
    shown = {"SubnetIds": given.get("SubnetIds", []), "SecurityGroupIds": given.get("SecurityGroupIds", [])}
    return {**shown, "VpcId": ""} if any(shown.values()) else None


def _check_runtime(runtime: str) -> None:
    if not runtime.startswith(PYTHON):
        raise faults.invalid(
            f"The runtime parameter of {runtime} is not supported here: functions run on Python. "
            "Use one of the python3.x runtimes."
        )


def _check_timeout(seconds: int) -> None:
    if seconds > MOST_SECONDS:
        raise validation(
            f"1 validation error detected: Value '{seconds}' at 'timeout' failed to satisfy constraint: "
            f"Member must have value less than or equal to {MOST_SECONDS}"
        )


def _check_variables(variables: Document) -> None:
    reserved = sorted(RESERVED & variables.keys())
    if reserved:
        raise faults.invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    if any("\0" in value for value in variables.values()):
        raise faults.invalid("The value of an environment variable cannot contain a NUL character.")
    if len(json.dumps(variables, separators=(",", ":"), ensure_ascii=False).encode()) > MOST_VARIABLE_BYTES:
        raise faults.invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided exceeded the 4KB limit."
        )


def _not_here(what: str, instead: str) -> Fault:
    return faults.invalid(f"{what} are not supported by this server. {instead}")
