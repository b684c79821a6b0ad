"""AWS's own policies (`arn:aws:iam::aws:policy/…`): they can be attached, read about, and never changed.

AWS publishes well over a thousand; Stepwell keeps no list of them and takes any well-formed name, because what a
policy says is enforced nowhere here. Their documents are AWS's, so asking for one is refused out loud.
"""

from __future__ import annotations

from stepwell.base import arn as arns
from stepwell.base.arn import Arn
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.base.ids import derived

OWNER = "aws"
CREATED = 1423153803.0
"""2015-02-06, when AWS introduced managed policies; the day of each is not known here."""

FULL_ACCESS = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"

FAMILIAR = (
    FULL_ACCESS,
    "arn:aws:iam::aws:policy/AdministratorAccess",
    "arn:aws:iam::aws:policy/AmazonS3FullAccess",
    "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
    "arn:aws:iam::aws:policy/AmazonSageMakerPipelinesIntegrations",
    "arn:aws:iam::aws:policy/AmazonSageMakerReadOnly",
    "arn:aws:iam::aws:policy/CloudWatchLogsFullAccess",
    "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
)
"""What ListPolicies shows of AWS's own: the ones that SageMaker set-ups attach."""


def is_managed(policy_arn: str) -> bool:
    """Whether the ARN is that of a policy of AWS's own."""
    parsed = arns.parse(policy_arn)
    return parsed is not None and parsed.account == OWNER and parsed.kind == "policy" and bool(parsed.name)


def policy(policy_arn: str, attachments: int) -> Document:
    """What GetPolicy and ListPolicies say of it."""
    parsed = arns.parse(policy_arn)
    assert isinstance(parsed, Arn)
    path, _, name = f"/{parsed.name}".rpartition("/")
    return {
        "PolicyName": name,
        "PolicyId": "ANPA" + derived(17, policy_arn, alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"),
        "Arn": policy_arn,
        "Path": path + "/",
        "DefaultVersionId": "v1",
        "AttachmentCount": attachments,
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": True,
        "CreateDate": CREATED,
        "UpdateDate": CREATED,
    }


def no_document(policy_arn: str) -> Fault:
    """The answer to whoever wants to read what it says."""
    message = f"Stepwell does not carry the documents of AWS's own policies, such as {policy_arn}."
    return Fault("NotImplementedException", message, 501)


def unchangeable(policy_arn: str) -> Fault:
    """The answer to whoever wants to change it."""
    return Fault("AccessDenied", f"The policy {policy_arn} belongs to AWS and cannot be changed.", 403)
