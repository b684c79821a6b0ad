"""Room services/s3: buckets as a whole, their place and their versioning. In: requests. Out: rows and answers."""

from __future__ import annotations

import re

from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.registry import Call, operation
from stepwell.services.s3 import bucket_settings, faults, owners
from stepwell.store import buckets
from stepwell.store.buckets import Bucket

FIRST_REGION = "us-east-1"
"""Its buckets have no location constraint; creating one's own again there is success (S3 API, CreateBucket)."""

NAME = re.compile(
    r"(?!\d{1,3}(\.\d{1,3}){3}$)(?!xn--|sthree-|amzn-s3-demo-)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
)
RESERVED = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
"""S3 user guide, "General purpose bucket naming rules"."""

MOST_BUCKETS = 10_000


@operation
def create_bucket(call: Call, request: Document) -> Document:
    """Make a bucket in the caller's region, or in the one that its LocationConstraint names."""
    name = request["Bucket"]
    if not NAME.fullmatch(name) or name.endswith(RESERVED):
        raise Fault("InvalidBucketName", "The specified bucket is not valid.", 400, {"BucketName": name})
    _refuse(request)
    bucket = Bucket(name, call.scope.account, _region(call, request), call.now)
    try:
        with call.site.database.write() as transaction:
            bucket = buckets.add(transaction, bucket)
            bucket_settings.begin(transaction, bucket, request)
    except buckets.AlreadyExists:
        _tolerate(call, name)
    location = f"/{name}" if call.scope.region == FIRST_REGION else f"{call.site.endpoint.rstrip('/')}/{name}"
    return {"Location": location, "BucketArn": f"arn:aws:s3:::{name}"}


@operation
def delete_bucket(call: Call, request: Document) -> Document:
    """Delete an empty bucket; uploads in progress go with it."""
    try:
        with call.site.database.write() as transaction:
            buckets.remove(transaction, owners.bucket_of(call, transaction.connection, request))
    except buckets.NotEmpty:
        text = "The bucket you tried to delete is not empty"
        raise Fault("BucketNotEmpty", text, 409, {"BucketName": request["Bucket"]}) from None
    return {}


@operation
def head_bucket(call: Call, request: Document) -> Document:
    """Whether the bucket is there, and where."""
    with call.site.database.read() as connection:
        bucket = owners.bucket_of(call, connection, request)
    return {
        "BucketRegion": bucket.region,
        "BucketArn": f"arn:aws:s3:::{bucket.name}",
        "AccessPointAlias": False,
    }


@operation
def list_buckets(call: Call, request: Document) -> Document:
    """The caller's buckets, by name."""
    limit = request.get("MaxBuckets", MOST_BUCKETS)
    prefix = request.get("Prefix", "")
    with call.site.database.read() as connection:
        found, following = buckets.page(
            connection,
            call.scope.account,
            prefix=prefix,
            region=request.get("BucketRegion", ""),
            after=request.get("ContinuationToken", ""),
            limit=limit,
        )
    answer: Document = {
        "Buckets": [_listed(bucket, is_paged="MaxBuckets" in request) for bucket in found],
        "Owner": {"ID": owners.canonical_user(call.scope.account)},
    }
    if prefix:
        answer["Prefix"] = prefix
    return answer if following is None else {**answer, "ContinuationToken": following}


@operation
def get_bucket_location(call: Call, request: Document) -> Document:
    """The bucket's region; nothing for the first region, as ever."""
    with call.site.database.read() as connection:
        region = owners.bucket_of(call, connection, request).region
    return {} if region == FIRST_REGION else {"LocationConstraint": region}


@operation
def get_bucket_versioning(call: Call, request: Document) -> Document:
    """Enabled, Suspended, or nothing for a bucket that never made versions."""
    with call.site.database.read() as connection:
        status = owners.bucket_of(call, connection, request).versioning
    return {"Status": status} if status else {}


@operation
def put_bucket_versioning(call: Call, request: Document) -> Document:
    """Begin to make versions, or stop."""
    wanted = request["VersioningConfiguration"]
    if wanted.get("MFADelete") == "Enabled":
        raise faults.not_implemented("x-amz-mfa")
    if "Status" not in wanted:
        text = "The Versioning element must be specified"
        raise Fault("IllegalVersioningConfigurationException", text)
    with call.site.database.write() as transaction:
        bucket = owners.bucket_of(call, transaction.connection, request)
        buckets.set_versioning(transaction, bucket, wanted["Status"])
    return {}


def _refuse(request: Document) -> None:
    if request.get("ObjectLockEnabledForBucket"):
        raise faults.not_implemented("x-amz-bucket-object-lock-enabled")
    grants = [name for name in request if name.startswith("Grant")]
    if grants or request.get("ACL", "private") != "private":
        text = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
        raise Fault("InvalidBucketAclWithObjectOwnership", text)


def _region(call: Call, request: Document) -> str:
    constraint: str | None = request.get("CreateBucketConfiguration", {}).get("LocationConstraint")
    here = call.scope.region
    if constraint == "EU":
        constraint = "eu-west-1"
    if here not in (FIRST_REGION, constraint):
        which = f"The {constraint}" if constraint else "The unspecified"
        text = (
            f"{which} location constraint is incompatible for the region specific endpoint this request was sent to."
        )
        raise Fault("IllegalLocationConstraintException", text)
    return constraint or here


def _tolerate(call: Call, name: str) -> None:
    """The name is taken: fine for the owner in the first region, an error for everyone else."""
    with call.site.database.read() as connection:
        standing = buckets.find(connection, name)
    if standing is not None and standing.account == call.scope.account:
        if standing.region == call.scope.region == FIRST_REGION:
            return
        text = "Your previous request to create the named bucket succeeded and you already own it."
        raise Fault("BucketAlreadyOwnedByYou", text, 409, {"BucketName": name})
    text = (
        "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
        "Please select a different name and try again."
    )
    raise Fault("BucketAlreadyExists", text, 409, {"BucketName": name})


def _listed(bucket: Bucket, *, is_paged: bool) -> Document:
    entry: Document = {"Name": bucket.name, "CreationDate": bucket.created}
    return {**entry, "BucketRegion": bucket.region} if is_paged else entry
