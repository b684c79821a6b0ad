"""Room services/s3: the Range header. In: its text and the size of the object. Out: the stretch that is meant.

S3 serves one range; what is no byte range, or several, is ignored and the whole is answered (RFC 9110, section 14).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stepwell.services.s3 import faults

ONE = re.compile(r"bytes=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Stretch:
    """`length` bytes from `offset` on, of `size`."""

    offset: int
    length: int
    size: int

    @property
    def content_range(self) -> str:
        """As the Content-Range header writes it."""
        return f"bytes {self.offset}-{self.offset + self.length - 1}/{self.size}"


def stretch(text: str | None, size: int) -> Stretch | None:
    """The stretch that a Range header means; None: the whole object. Raises InvalidRange."""
    found = ONE.fullmatch(text) if text else None
    if found is None or text is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        length = min(int(last), size)
        start, end = size - length, size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= end:
        raise faults.invalid_range(text, size)
    return Stretch(start, end - start, size)


def copied(text: str, size: int) -> Stretch:
    """The stretch that x-amz-copy-source-range means, which must lie within. Raises InvalidArgument, InvalidRange."""
    found = re.fullmatch(r"bytes=(\d{1,19})-(\d{1,19})", text, re.ASCII)
    if found is None or int(found[2]) < int(found[1]):
        raise faults.invalid_argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
            "zero-based offsets of the first and last bytes to copy",
            "x-amz-copy-source-range",
            text,
        )
    first, last = int(found[1]), int(found[2])
    if last >= size:
        raise faults.invalid_argument(
            f"Range specified is not valid for source object of size: {size}", "x-amz-copy-source-range", text
        )
    return Stretch(first, last - first + 1, size)
