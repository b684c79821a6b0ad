"""S3 over blobs and a table: buckets, objects, versions, multipart uploads, and the documents put beside buckets.

Operations, a file per noun: `buckets`, `bucket_settings`, `objects`, `object_copies`, `object_lists`,
`object_tags`, `object_attributes`, `access_control`, `uploads`, `upload_completion`, `upload_lists`. What they
share: `owners` (whose is it), `faults` (S3's wording), `bodies` (bytes on their way in), `checksums`,
`descriptions` (headers and metadata), `conditions` (If-Match and its kin), `ranges`.

May import: `services.registry`, `store`, `blobs`, `base`. An object's row is written only after its whole body has
arrived and was found right, so nobody ever sees half an object. To add an operation: a function in its noun's
file, marked `@operation`; a document beside a bucket: a line in `bucket_settings`.
"""
