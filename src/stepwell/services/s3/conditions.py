"""Room services/s3: conditional requests. In: If-* members and what stands. Out: nothing, or the Fault of S3.

If-Match and If-None-Match win over their time-based kin (RFC 9110, section 13.2.2). ETags are compared without
quotes. Times have whole seconds on the wire.
"""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.services.s3 import faults
from stepwell.store.objects import Version


def check_read(request: Document, version: Version) -> None:
    """For GetObject and HeadObject: raises PreconditionFailed (412) or NotModified (304)."""
    failed = _unmet(request, version, "")
    if failed in ("If-Match", "If-Unmodified-Since"):
        raise faults.precondition_failed(failed)
    if failed:
        raise faults.not_modified(f'"{version.etag}"')


def check_source(request: Document, version: Version) -> None:
    """For the source of a copy: whatever is not met is PreconditionFailed."""
    failed = _unmet(request, version, "CopySource")
    if failed:
        raise faults.precondition_failed(f"x-amz-copy-source-{failed.lower()}")


def check_write(request: Document, key: str, standing: Version | None) -> None:
    """For PutObject, CopyObject and CompleteMultipartUpload; `standing` is the latest version of the key.

    Raises PreconditionFailed; NoSuchKey if something must stand and nothing does.
    """
    exists = standing is not None and not standing.is_marker
    if_none_match, if_match = request.get("IfNoneMatch"), request.get("IfMatch")
    if if_none_match is not None:
        if if_none_match != "*":
            raise faults.not_implemented("If-None-Match")
        if exists:
            raise faults.precondition_failed("If-None-Match")
    if if_match is not None:
        if standing is None or standing.is_marker:
            raise faults.no_such_key(key)
        if not matches(if_match, standing.etag):
            raise faults.precondition_failed("If-Match")


def matches(wanted: str, etag: str) -> bool:
    """Whether a list of ETags, quoted or not, names this one; `*` names any."""
    names = (name.strip().removeprefix("W/").strip('"') for name in wanted.split(","))
    return any(name in ("*", etag) for name in names)


def _unmet(request: Document, version: Version, prefix: str) -> str | None:
    """The header whose condition does not hold, if one does not."""
    if_match, since = request.get(f"{prefix}IfMatch"), request.get(f"{prefix}IfUnmodifiedSince")
    if if_match is not None:
        if not matches(if_match, version.etag):
            return "If-Match"
    elif since is not None and version.modified > since:
        return "If-Unmodified-Since"
    if_none_match, since = request.get(f"{prefix}IfNoneMatch"), request.get(f"{prefix}IfModifiedSince")
    if if_none_match is not None:
        return "If-None-Match" if matches(if_none_match, version.etag) else None
    return "If-Modified-Since" if since is not None and version.modified <= since else None
