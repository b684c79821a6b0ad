"""Room container: gzip data, as fast as this machine's processors allow. In: bytes in pieces. Out: one gzip member.

What is written is cut into blocks, which are compressed side by side (zlib lets other threads run) and put one after
the other: each ends on a byte, so together they are one stream of DEFLATE data. A block that hardly shrinks is stored
as it is: trying to compress the weights of a model costs ten times the time of copying them. The same bytes give the
same data, whatever the machine.
"""

from __future__ import annotations

import struct
import zlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import BinaryIO, Self

HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
"""No name, no time, fast, from any system (RFC 1952, section 2.3)."""
END = b"\x03\x00"
"""A last DEFLATE block with nothing in it."""
BLOCK = 1 << 20
SAMPLE = 1 << 14
"""Bytes from the middle of a block that say whether it shrinks."""
WORTH_IT = 0.85
"""What does not shrink to this part is stored. Floating point numbers shrink to 0.9 or so."""
SIDE_BY_SIDE = 2
MOST_WAITING = 8
"""Blocks in memory at most: a full pool, and as many again that are being written."""


class Packer:
    """As much of a writable file as tarfile needs. Its data goes to `target` as gzip; leaving the context ends it."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._pool = ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="stepwell-pack")
        self._waiting: deque[Future[bytes]] = deque()
        self._block = bytearray()
        self._crc = 0
        self._size = 0
        target.write(HEADER)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._end()
        finally:
            self._pool.shutdown(cancel_futures=True)

    def write(self, data: bytes) -> int:
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        self._block += data
        while len(self._block) >= BLOCK:
            self._begin(bytes(self._block[:BLOCK]))
            del self._block[:BLOCK]
        return len(data)

    def tell(self) -> int:
        return self._size

    def _end(self) -> None:
        self._begin(bytes(self._block))
        while self._waiting:
            self._target.write(self._waiting.popleft().result())
        self._target.write(END + struct.pack("<II", self._crc, self._size & 0xFFFFFFFF))

    def _begin(self, block: bytes) -> None:
        self._waiting.append(self._pool.submit(deflated, block))
        while len(self._waiting) > MOST_WAITING:
            self._target.write(self._waiting.popleft().result())


def deflated(block: bytes) -> bytes:
    """Raw DEFLATE data of `block` that ends on a byte and is not the last of its stream."""
    begin = max(0, (len(block) - SAMPLE) // 2)
    sample = block[begin : begin + SAMPLE]
    level = 1 if len(zlib.compress(sample, 1)) <= WORTH_IT * len(sample) else 0
    packer = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
