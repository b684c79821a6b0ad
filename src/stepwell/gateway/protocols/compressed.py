"""Room gateway/protocols: bodies that clients compress. In: the bytes that came and their encoding. Out: plain bytes.

botocore compresses what PutMetricData sends from 10 KiB on (the trait `requestcompression` of the model). The bytes
that were signed are those that came.
"""

from __future__ import annotations

import zlib

from stepwell.base.faults import Fault
from stepwell.gateway.body import too_large

GZIP = 16 + zlib.MAX_WBITS
"""The window of zlib for a gzip header and trailer."""


def plain(content: bytes, encoding: str | None, most: int) -> bytes:
    """The body itself. Raises Fault when it is not what `encoding` says, or longer than `most` bytes."""
    if encoding is None or encoding.lower() not in ("gzip", "x-gzip"):
        return content
    inflater = zlib.decompressobj(GZIP)
    try:
        found = inflater.decompress(content, most + 1)
    except zlib.error:
        raise Fault("SerializationException", "The request body is not well-formed gzip.") from None
    if len(found) > most:
        raise too_large(most)
    if not inflater.eof:
        raise Fault("SerializationException", "The request body is not well-formed gzip.")
    return found
