"""Room services/s3: the errors of S3, with S3's codes, words and fields. In: what is wrong. Out: a Fault.

Source: the S3 API reference, "Error responses", and what AWS answers today.
"""

from __future__ import annotations

from stepwell.base.faults import Fault


def no_such_bucket(bucket: str) -> Fault:
    return Fault("NoSuchBucket", "The specified bucket does not exist", 404, {"BucketName": bucket})


def no_such_key(key: str) -> Fault:
    return Fault("NoSuchKey", "The specified key does not exist.", 404, {"Key": key})


def no_such_version(key: str, version: str) -> Fault:
    members = {"Key": key, "VersionId": version}
    return Fault("NoSuchVersion", "The specified version does not exist.", 404, members)


def deleted(key: str, version: str) -> Fault:
    """The latest version is a delete marker."""
    members = {"Key": key, "DeleteMarker": True, "VersionId": version}
    return Fault("NoSuchKey", "The specified key does not exist.", 404, members)


def marker_not_allowed(method: str, version: str) -> Fault:
    """A delete marker was asked for by its version id."""
    members = {"Method": method, "ResourceType": "DeleteMarker", "DeleteMarker": True, "VersionId": version}
    return Fault("MethodNotAllowed", "The specified method is not allowed against this resource.", 405, members)


def no_such_upload(upload: str) -> Fault:
    text = (
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted "
        "or completed."
    )
    return Fault("NoSuchUpload", text, 404, {"UploadId": upload})


def access_denied() -> Fault:
    return Fault("AccessDenied", "Access Denied", 403)


def invalid_argument(message: str, name: str, value: object) -> Fault:
    return Fault("InvalidArgument", message, 400, {"ArgumentName": name, "ArgumentValue": str(value)})


def invalid_request(message: str) -> Fault:
    return Fault("InvalidRequest", message)


def malformed_xml() -> Fault:
    text = "The XML you provided was not well-formed or did not validate against our published schema"
    return Fault("MalformedXML", text)


def precondition_failed(condition: str) -> Fault:
    text = "At least one of the pre-conditions you specified did not hold"
    return Fault("PreconditionFailed", text, 412, {"Condition": condition})


def not_modified(etag: str) -> Fault:
    return Fault("NotModified", "Not Modified", 304, {"ETag": etag})


def not_implemented(header: str) -> Fault:
    """Honest or loud: a header that asks for something that is not built."""
    text = "A header you provided implies functionality that is not implemented"
    return Fault("NotImplemented", text, 501, {"Header": header})


def invalid_range(asked: str, size: int) -> Fault:
    members = {"RangeRequested": asked, "ActualObjectSize": size}
    return Fault("InvalidRange", "The requested range is not satisfiable", 416, members)


def invalid_part_number(asked: int, parts: int) -> Fault:
    members = {"PartNumberRequested": asked, "ActualPartCount": parts}
    return Fault("InvalidPartNumber", "The requested partnumber is not satisfiable", 416, members)


def entity_too_large(size: int, limit: int) -> Fault:
    members = {"ProposedSize": size, "MaxSizeAllowed": limit}
    return Fault("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", 400, members)


def invalid_tag(message: str) -> Fault:
    return Fault("InvalidTag", message)
