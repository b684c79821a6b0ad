"""Room services/s3: documents put beside a bucket. In: requests. Out: what was put, or S3's answer for nothing.

They are kept and answered as they came. Default encryption shows in the answers about new objects; nothing else
acts yet: no policy is evaluated, no notification sent, no lifecycle rule run (docs/coverage.md).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from stepwell.base import ids
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.registry import Call, Handler, operation
from stepwell.services.s3 import descriptions, faults, owners
from stepwell.store import buckets
from stepwell.store.buckets import Bucket
from stepwell.store.database import Transaction


@dataclass(frozen=True, slots=True)
class Setting:
    """A kind of document: the member of the request that carries it, and what a bucket without one answers."""

    kind: str
    member: str
    code: str = ""
    message: str = ""
    default: Document | None = None
    flat: bool = False
    """The answer is the document itself instead of a member of that name."""

    def answer(self, bucket: Bucket, document: Document | None) -> Document:
        """What a Get operation says. Raises the setting's own Fault if there is nothing."""
        found = self.default if document is None else document
        if found is None:
            raise Fault(self.code, self.message, 404, {"BucketName": bucket.name})
        return found if self.flat else {self.member: found}


AES256: Document = {
    "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}]
}
BLOCKED: Document = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}

CORS = Setting(
    "cors",
    "CORSConfiguration",
    "NoSuchCORSConfiguration",
    "The CORS configuration does not exist",
    flat=True,
)
ENCRYPTION = Setting(buckets.ENCRYPTION, "ServerSideEncryptionConfiguration", default=AES256)
LIFECYCLE = Setting(
    "lifecycle",
    "LifecycleConfiguration",
    "NoSuchLifecycleConfiguration",
    "The lifecycle configuration does not exist",
    flat=True,
)
NOTIFICATION = Setting("notification", "NotificationConfiguration", default={}, flat=True)
OWNERSHIP = Setting(
    "ownership",
    "OwnershipControls",
    "OwnershipControlsNotFoundError",
    "The bucket ownership controls were not found",
)
POLICY = Setting("policy", "Policy", "NoSuchBucketPolicy", "The bucket policy does not exist")
PUBLIC_ACCESS = Setting(
    "public-access",
    "PublicAccessBlockConfiguration",
    "NoSuchPublicAccessBlockConfiguration",
    "The public access block configuration was not found",
)
TAGGING = Setting("tagging", "Tagging", "NoSuchTagSet", "The TagSet does not exist", flat=True)

REPLICATION = Setting(
    "replication",
    "ReplicationConfiguration",
    "ReplicationConfigurationNotFoundError",
    "The replication configuration was not found",
)
WEBSITE = Setting(
    "website",
    "WebsiteConfiguration",
    "NoSuchWebsiteConfiguration",
    "The specified bucket does not have a website configuration",
)
OBJECT_LOCK = Setting(
    "object-lock",
    "ObjectLockConfiguration",
    "ObjectLockConfigurationNotFoundError",
    "Object Lock configuration does not exist for this bucket",
)
ACCELERATE = Setting("accelerate", "AccelerateConfiguration", default={}, flat=True)
LOGGING = Setting("logging", "BucketLoggingStatus", default={}, flat=True)
PAYMENT = Setting("payment", "RequestPaymentConfiguration", default={"Payer": "BucketOwner"}, flat=True)


def begin(transaction: Transaction, bucket: Bucket, request: Document) -> None:
    """What a new bucket has from the start: nothing public, its owner owns all, and the tags it came with."""
    ownership = request.get("ObjectOwnership", "BucketOwnerEnforced")
    buckets.put_document(transaction, bucket, OWNERSHIP.kind, {"Rules": [{"ObjectOwnership": ownership}]})
    buckets.put_document(transaction, bucket, PUBLIC_ACCESS.kind, BLOCKED)
    tags = request.get("CreateBucketConfiguration", {}).get("Tags")
    if tags:
        buckets.put_document(transaction, bucket, TAGGING.kind, {"TagSet": tags})


def _get(setting: Setting) -> Handler:
    @operation
    def get(call: Call, request: Document) -> Document:
        with call.site.database.read() as connection:
            bucket = owners.bucket_of(call, connection, request)
            return setting.answer(bucket, buckets.document(connection, bucket, setting.kind))

    return get


def _put(setting: Setting) -> Handler:
    @operation
    def put(call: Call, request: Document) -> Document:
        _keep(call, request, setting, request[setting.member])
        return {}

    return put


def _delete(setting: Setting) -> Handler:
    @operation
    def delete(call: Call, request: Document) -> Document:
        with call.site.database.write() as transaction:
            bucket = owners.bucket_of(call, transaction.connection, request)
            buckets.remove_document(transaction, bucket, setting.kind)
        return {}

    return delete


def _keep(call: Call, request: Document, setting: Setting, document: Document) -> None:
    with call.site.database.write() as transaction:
        bucket = owners.bucket_of(call, transaction.connection, request)
        buckets.put_document(transaction, bucket, setting.kind, document)


get_bucket_cors, put_bucket_cors, delete_bucket_cors = _get(CORS), _put(CORS), _delete(CORS)
get_bucket_encryption, delete_bucket_encryption = _get(ENCRYPTION), _delete(ENCRYPTION)
put_bucket_encryption = _put(ENCRYPTION)
get_bucket_lifecycle_configuration, delete_bucket_lifecycle = _get(LIFECYCLE), _delete(LIFECYCLE)
get_bucket_notification_configuration = _get(NOTIFICATION)
put_bucket_notification_configuration = _put(NOTIFICATION)
get_bucket_ownership_controls, put_bucket_ownership_controls = _get(OWNERSHIP), _put(OWNERSHIP)
delete_bucket_ownership_controls = _delete(OWNERSHIP)
delete_bucket_policy = _delete(POLICY)
get_public_access_block, put_public_access_block = _get(PUBLIC_ACCESS), _put(PUBLIC_ACCESS)
delete_public_access_block = _delete(PUBLIC_ACCESS)
get_bucket_tagging, delete_bucket_tagging = _get(TAGGING), _delete(TAGGING)

get_bucket_replication, get_bucket_website = _get(REPLICATION), _get(WEBSITE)
get_object_lock_configuration = _get(OBJECT_LOCK)
get_bucket_accelerate_configuration, get_bucket_logging = _get(ACCELERATE), _get(LOGGING)
get_bucket_request_payment = _get(PAYMENT)


@operation
def get_bucket_policy(call: Call, request: Document) -> Document:
    """The policy, letter by letter as it was put."""
    return {"Policy": _policy(call, request)["text"]}


@operation
def put_bucket_policy(call: Call, request: Document) -> Document:
    """Keep a policy, which must be a JSON document with statements."""
    text = request["Policy"]
    try:
        policy = json.loads(text)
    except ValueError:
        raise Fault("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'") from None
    if not isinstance(policy, dict) or not isinstance(policy.get("Statement"), list | dict):
        raise Fault("MalformedPolicy", "Missing required field Statement")
    _keep(call, request, POLICY, {"text": text})
    return {}


@operation
def get_bucket_policy_status(call: Call, request: Document) -> Document:
    """Whether the policy opens the bucket to everyone."""
    statements = json.loads(_policy(call, request)["text"])["Statement"]
    listed = statements if isinstance(statements, list) else [statements]
    return {"PolicyStatus": {"IsPublic": any(_is_public(statement) for statement in listed)}}


@operation
def put_bucket_tagging(call: Call, request: Document) -> Document:
    """Keep the bucket's tags in place of those it had."""
    pairs = ((tag["Key"], tag["Value"]) for tag in request["Tagging"]["TagSet"])
    tags = descriptions.checked_tags(pairs, most=50)
    _keep(call, request, TAGGING, {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]})
    return {}


@operation
def put_bucket_lifecycle_configuration(call: Call, request: Document) -> Document:
    """Keep the rules; one without an ID gets one."""
    if "LifecycleConfiguration" not in request:
        raise faults.malformed_xml()
    rules = request["LifecycleConfiguration"]["Rules"]
    named = [rule if rule.get("ID") else {**rule, "ID": ids.token(48)} for rule in rules]
    _keep(call, request, LIFECYCLE, {"Rules": named})
    return {}


def _policy(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        bucket = owners.bucket_of(call, connection, request)
        found: Document = POLICY.answer(bucket, buckets.document(connection, bucket, POLICY.kind))[POLICY.member]
    return found


def _is_public(statement: object) -> bool:
    if not isinstance(statement, dict) or statement.get("Effect") != "Allow" or statement.get("Condition"):
        return False
    principal = statement.get("Principal")
    named = principal.get("AWS") if isinstance(principal, dict) else principal
    return "*" in (named if isinstance(named, list) else [named])


def encryption_of(bucket: Bucket) -> Document:
    """What answers say of the encryption of an object that asked for none itself."""
    document = bucket.encryption or AES256
    rule = document["Rules"][0]
    default = rule.get("ApplyServerSideEncryptionByDefault", {})
    headers: Document = {"ServerSideEncryption": default.get("SSEAlgorithm", "AES256")}
    if "KMSMasterKeyID" in default:
        headers["SSEKMSKeyId"] = default["KMSMasterKeyID"]
    return {**headers, "BucketKeyEnabled": True} if rule.get("BucketKeyEnabled") else headers
