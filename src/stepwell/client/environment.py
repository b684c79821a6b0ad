"""The variables of a client's environment, and the two files they point to."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PLUGIN = "stepwell_client"
CONFIG = "sagemaker-config.yaml"

_NO_TELEMETRY = """\
SchemaVersion: '1.0'
SageMaker:
  PythonSDK:
    Modules:
      TelemetryOptOut: true
"""


@dataclass(frozen=True, slots=True)
class Access:
    """Where the server is and with which key to sign."""

    endpoint: str
    region: str
    access_key_id: str
    secret_access_key: str


def install(folder: Path) -> None:
    """Put the plugin and the SDK's settings into `folder`; safe to repeat."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(__file__).with_name(f"{PLUGIN}.py"), folder / f"{PLUGIN}.py")
    (folder / CONFIG).write_text(_NO_TELEMETRY)


def variables(access: Access, folder: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """What to set so that an unmodified SDK talks to this server.

    `folder` is where `install` put the files, as the client sees it. From `inherited` (the client's environment so
    far) its PYTHONPATH and its botocore plugins are kept, and a session token that does not belong to our key is
    emptied. The SDK's telemetry is switched off through its administrator's settings, so the user's own stay.
    """
    values = {
        "AWS_ENDPOINT_URL": access.endpoint,
        "AWS_REGION": access.region,
        "AWS_DEFAULT_REGION": access.region,
        "AWS_ACCESS_KEY_ID": access.access_key_id,
        "AWS_SECRET_ACCESS_KEY": access.secret_access_key,
        **sdk_variables(folder, inherited),
    }
    if "AWS_SESSION_TOKEN" in inherited:
        values["AWS_SESSION_TOKEN"] = ""
    return values


def sdk_variables(folder: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """The part of it that is the same for every client: how botocore and the SageMaker SDKs behave."""
    return {
        "AWS_EC2_METADATA_DISABLED": "true",
        "BOTOCORE_EXPERIMENTAL__PLUGINS": _joined(
            f"stepwell={PLUGIN}", inherited.get("BOTOCORE_EXPERIMENTAL__PLUGINS"), ","
        ),
        "PYTHONPATH": _joined(str(folder), inherited.get("PYTHONPATH"), ":"),
        "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": str(folder / CONFIG),
    }


def _joined(ours: str, others: str | None, separator: str) -> str:
    rest = [part for part in (others or "").split(separator) if part and part != ours]
    return separator.join([ours, *rest])
