"""The role that stands from the first start, so that a pipeline can run without anybody having set up IAM.

In: a site. Out: a role `SageMakerRole` in the site's account, which the services that Stepwell has may assume: it
serves for jobs and pipelines, and for what starts them.
"""

from __future__ import annotations

import json

from stepwell.base import clock
from stepwell.base.arn import Scope
from stepwell.services.iam import entities, managed, roles
from stepwell.services.registry import Site
from stepwell.store import resources

NAME = "SageMakerRole"

TRUSTED = ("sagemaker", "events", "lambda", "scheduler")
"""SDK v3 refuses a role whose trust policy lacks the service that is to use it, for each purpose another one."""

TRUST_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": [f"{service}.amazonaws.com" for service in TRUSTED]},
            "Action": "sts:AssumeRole",
        }
    ],
}


def ensure_ready_role(site: Site) -> str:
    """The ARN of the ready role, which is made unless it stands; safe to repeat."""
    scope = Scope(site.account, "")
    request = {
        "RoleName": NAME,
        "AssumeRolePolicyDocument": json.dumps(TRUST_POLICY),
        "Description": "The role that Stepwell made at its first start.",
    }
    with site.database.write() as transaction:
        standing = resources.find(transaction.connection, entities.key(scope, entities.ROLE, NAME))
        if standing is not None:
            return str(standing.document["Arn"])
        now = clock.now()
        role = roles.new_role(scope, now, request).with_changes(now, AttachedPolicies=[managed.FULL_ACCESS])
        resources.add(transaction, role)
    return str(role.document["Arn"])
