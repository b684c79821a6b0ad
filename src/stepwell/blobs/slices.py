"""Room blobs: a stretch of a file as a value. In: path, offset, length. Out: its bytes, whole or piece by piece.

An answer whose body is a blob carries one of these; who sends it may map it, send it by the kernel, or iterate.
Opening late is safe: blobs never change, and a removed one fails loudly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHUNK = 1 << 20
"""Bytes a reader takes at a time: large enough that calls cost nothing, small enough for many readers at once."""


@dataclass(frozen=True, slots=True)
class FileSlice:
    """`length` bytes of the file at `path`, from `offset` on."""

    path: Path
    offset: int
    length: int

    def read(self) -> bytes:
        """All of it, for callers inside who know that it is small. Raises EOFError if the file is too short."""
        return b"".join(self.iterate())

    def iterate(self, chunk: int = CHUNK) -> Iterator[bytes]:
        """Its bytes in pieces of at most `chunk`. Raises EOFError if the file is too short."""
        left = self.length
        with self.path.open("rb", buffering=0) as file:
            file.seek(self.offset)
            while left:
                piece = file.read(min(chunk, left))
                if not piece:
                    raise EOFError(f"{self.path} ends {left} bytes too early")
                left -= len(piece)
                yield piece
