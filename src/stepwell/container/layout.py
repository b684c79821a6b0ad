"""Room container: what /opt/ml holds besides data (folders, config files), and the variables all kinds share.

The shapes are those of the public developer guide and of what the SDKs' toolkits read (spec 03, sections 2 and 3).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from stepwell.base.documents import Document
from stepwell.base.trees import Entry, Tree
from stepwell.container.plan import ROOT, Group, Plan, Refusal, is_below_root

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NETWORK_INTERFACE = "lo"
"""Hosts of a job share their machine's network and reach each other by loopback; AWS's instances have eth0."""


@dataclass(frozen=True, slots=True)
class Access:
    """With what, and where, a container speaks to this server."""

    region: str
    endpoint: str
    access_key_id: str
    secret_access_key: str
    session_token: str


def tree(plan: Plan, host: str) -> Tree:
    """The /opt/ml of `host` without its input data. Raises Refusal."""
    where = next(iter(plan.files)).rpartition("/")[0] if plan.files else f"{ROOT}/config"
    files = {**plan.files, f"{where}/resourceconfig.json": resource_config(plan, host)}
    targets = [each.target for each in plan.inputs if each.pipe is None and host in plan.receivers(each)]
    folders = (*plan.folders, *targets)
    return (
        *(Entry(_inside(path)) for path in folders),
        *(Entry(_inside(path), "file", json.dumps(document).encode()) for path, document in files.items()),
    )


def _inside(path: str) -> str:
    """`path` as it is called from /opt/ml."""
    if not is_below_root(path):
        raise Refusal(f'The path "{path}" is not below {ROOT}.')
    return path.removeprefix(f"{ROOT}/")


def resource_config(plan: Plan, host: str) -> Document:
    """What resourceconfig.json says on `host`."""
    group = plan.group_of(host)
    return {
        "current_host": host,
        "current_instance_type": group.instance_type,
        "current_group_name": group.name,
        "hosts": sorted(plan.hosts),
        "instance_groups": [_group(each) for each in plan.groups],
        "network_interface_name": NETWORK_INTERFACE,
    }


def _group(group: Group) -> Document:
    return {
        "instance_group_name": group.name,
        "instance_type": group.instance_type,
        "hosts": sorted(group.hosts),
    }


def variables(plan: Plan, image: Mapping[str, str], path_entries: tuple[str, ...], region: str) -> dict[str, str]:
    """The container's environment but for credentials: the request's own entries win over everything."""
    return {
        "PATH": ":".join((*path_entries, PATH)),
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        **image,
        **plan.environment,
    }


def access_variables(access: Access) -> dict[str, str]:
    """What makes an SDK inside the container sign as the job's role and speak to this server."""
    return {
        "AWS_ENDPOINT_URL": access.endpoint,
        "AWS_ACCESS_KEY_ID": access.access_key_id,
        "AWS_SECRET_ACCESS_KEY": access.secret_access_key,
        "AWS_SESSION_TOKEN": access.session_token,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
