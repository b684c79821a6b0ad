"""Room spec: where AWS's published models are wrong or differ from the service, what we use instead, and why.

In: a service's raw model, freshly read. Out: the same model, corrected in place. Each correction is one line
of data with its reason; a test asserts that each still changes something, so that we notice what AWS has fixed.
"""

from __future__ import annotations

from stepwell.base.documents import Document

PATTERNS: dict[tuple[str, str], str | None] = {
    # Any text: the group after the first line can match in exponentially many ways, and matches everything.
    ("sagemaker", "PipelineDefinition"): None,
    ("sagemaker", "ResourcePolicyString"): None,
    ("sagemaker", "EndpointPolicyDocument"): None,
    # The SDK puts the text of any exception here, which may have several lines.
    ("sagemaker", "TrialComponentStatusMessage"): None,
    # A surrogate pair spelled as four code units: what is meant is every character above the first plane.
    ("sagemaker", "AthenaCatalog"): "[\\t\\u0020-\\uD7FF\\uE000-\\uFFFD\\x{10000}-\\x{10FFFF}]*",
    ("sagemaker", "Catalog"): "[\\t\\u0020-\\uD7FF\\uE000-\\uFFFD\\x{10000}-\\x{10FFFF}]*",
    ("sagemaker", "Database"): "[\\t\\u0020-\\uD7FF\\uE000-\\uFFFD\\x{10000}-\\x{10FFFF}]*",
    ("sagemaker", "TableName"): "[\\t\\u0020-\\uD7FF\\uE000-\\uFFFD\\x{10000}-\\x{10FFFF}]*",
    # `$` before the bound instead of nothing: as written only the empty key could match.
    ("sagemaker", "CustomerMetadataKey"): "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]{1,128}",
    ("sagemaker", "CustomerMetadataValue"): "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]{1,256}",
    # A range that begins with a class.
    ("logs", "ResourceType"): "[\\w\\-]*",
    # The separator is inside both neighbours, so a run of spaces splits in exponentially many ways.
    ("events", "HeaderValue"): "[ \\t]*[\\x20-\\x7E][\\t\\x20-\\x7E]*",
    ("events", "HeaderValueSensitive"): "[ \\t]*[\\x20-\\x7E][\\t\\x20-\\x7E]*",
    ("events", "AuthHeaderParameters"): "[ \\t]*[^\\x00-\\x1F:\\x7F][^\\x00-\\x08\\x0A-\\x1F:\\x7F]*",
    ("events", "AuthHeaderParametersSensitive"): "[ \\t]*[^\\x00-\\x1F:\\x7F][^\\x00-\\x08\\x0A-\\x1F:\\x7F]*",
    # A repetition inside a repetition; these accept the same texts in one way each.
    ("sagemaker", "ClusterSchedulerPriorityClassName"): "[a-z0-9]([-a-z0-9]*[a-z0-9])?",
    ("sagemaker", "ComputeQuotaTargetTeamName"): "[a-z0-9]([-a-z0-9]*[a-z0-9])?",
    ("sagemaker", "RepositoryUrl"): "https://(?=([.\\-_a-zA-Z0-9]/?){3})[.\\-_a-zA-Z0-9]+(/[.\\-_a-zA-Z0-9]+)*/?",
    ("ecr", "ScanningRepositoryFilterValue"): "[a-z0-9*]+([._\\-/][a-z0-9*]+)*",
    # Any text, in cubic time.
    ("emr-serverless", "UriString"): None,
}
"""(service, shape) -> the pattern used instead of the model's; None: no pattern."""


OPERATIONS: dict[tuple[str, str], Document] = {
    # The names of S3's root elements, which the model leaves out (S3 API Reference, response syntax of each).
    ("s3", "CreateMultipartUpload"): {"outputRoot": "InitiateMultipartUploadResult"},
    ("s3", "DeleteObjects"): {"outputRoot": "DeleteResult"},
    ("s3", "GetBucketAccelerateConfiguration"): {"outputRoot": "AccelerateConfiguration"},
    ("s3", "GetBucketAcl"): {"outputRoot": "AccessControlPolicy"},
    ("s3", "GetBucketCors"): {"outputRoot": "CORSConfiguration"},
    ("s3", "GetBucketLifecycleConfiguration"): {"outputRoot": "LifecycleConfiguration"},
    ("s3", "GetBucketLogging"): {"outputRoot": "BucketLoggingStatus"},
    ("s3", "GetBucketNotificationConfiguration"): {"outputRoot": "NotificationConfiguration"},
    ("s3", "GetBucketRequestPayment"): {"outputRoot": "RequestPaymentConfiguration"},
    ("s3", "GetBucketTagging"): {"outputRoot": "Tagging"},
    ("s3", "GetBucketVersioning"): {"outputRoot": "VersioningConfiguration"},
    ("s3", "GetBucketWebsite"): {"outputRoot": "WebsiteConfiguration"},
    ("s3", "GetObjectAcl"): {"outputRoot": "AccessControlPolicy"},
    ("s3", "GetObjectAttributes"): {"outputRoot": "GetObjectAttributesResponse"},
    ("s3", "GetObjectTagging"): {"outputRoot": "Tagging"},
    ("s3", "ListBuckets"): {"outputRoot": "ListAllMyBucketsResult"},
    ("s3", "ListObjects"): {"outputRoot": "ListBucketResult"},
    ("s3", "ListObjectsV2"): {"outputRoot": "ListBucketResult"},
    ("s3", "ListObjectVersions"): {"outputRoot": "ListVersionsResult"},
    # Its only member is the root element itself.
    ("s3", "GetBucketLocation"): {"unwrappedOutput": True},
}
"""(service, operation) -> traits added to the model's."""


_SQS = "AWS.SimpleQueueService."
QUERY_CODES: dict[tuple[str, str], str] = {
    # What these errors were called while SQS spoke query; clients still compare with it (SQS API Reference, errors).
    ("sqs", "BatchEntryIdsNotDistinct"): f"{_SQS}BatchEntryIdsNotDistinct",
    ("sqs", "BatchRequestTooLong"): f"{_SQS}BatchRequestTooLong",
    ("sqs", "EmptyBatchRequest"): f"{_SQS}EmptyBatchRequest",
    ("sqs", "InvalidBatchEntryId"): f"{_SQS}InvalidBatchEntryId",
    ("sqs", "MessageNotInflight"): f"{_SQS}MessageNotInflight",
    ("sqs", "PurgeQueueInProgress"): f"{_SQS}PurgeQueueInProgress",
    ("sqs", "QueueDeletedRecently"): f"{_SQS}QueueDeletedRecently",
    ("sqs", "QueueDoesNotExist"): f"{_SQS}NonExistentQueue",
    ("sqs", "QueueNameExists"): "QueueAlreadyExists",
    ("sqs", "TooManyEntriesInBatchRequest"): f"{_SQS}TooManyEntriesInBatchRequest",
    ("sqs", "UnsupportedOperation"): f"{_SQS}UnsupportedOperation",
}
"""(service, exception) -> its code of the query protocol, as the trait `queryCode`."""


OPEN_ENUMS: frozenset[tuple[str, str]] = frozenset(
    {
        # ReceiveMessage.AttributeNames takes message attributes; the model lists those of queues.
        ("sqs", "QueueAttributeName"),
        ("sqs", "MessageSystemAttributeName"),
    }
)
"""Enumerations that the service does not enforce as the model has them: their nouns check."""


def apply(service: str, model: Document) -> None:
    """Correct the raw model of `service` in place."""
    shapes = model["shapes"]
    for (owner, name), pattern in PATTERNS.items():
        if owner != service or name not in shapes:
            continue
        if pattern is None:
            shapes[name].pop("pattern", None)
        else:
            shapes[name]["pattern"] = pattern
    for owner, name in OPEN_ENUMS:
        if owner == service and name in shapes:
            shapes[name].pop("enum", None)
    for (owner, name), code in QUERY_CODES.items():
        if owner == service and name in shapes:
            shapes[name]["queryCode"] = code
    for (owner, name), traits in OPERATIONS.items():
        if owner == service and name in model["operations"]:
            model["operations"][name].update(traits)
