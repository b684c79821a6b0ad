"""The CRCs against the catalogue's check values, zlib, and a bit-by-bit register."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.blobs import crc, digests
from stepwell.blobs.crc import CRC32, CRC32C, CRC64NVME, Polynomial

ALL = (CRC32, CRC32C, CRC64NVME)


@pytest.mark.parametrize(
    ("polynomial", "check"),
    [(CRC32, 0xCBF43926), (CRC32C, 0xE3069283), (CRC64NVME, 0xAE8B14860A799888)],
)
def test_the_catalogues_check_value(polynomial: Polynomial, check: int) -> None:
    assert crc.update(polynomial, 0, b"123456789") == check


@given(st.binary(max_size=5000))
def test_as_zlib(data: bytes) -> None:
    assert crc.update(CRC32, 0, data) == zlib.crc32(data)


@pytest.mark.parametrize("size", [1 << 20, (1 << 20) - 1, 300_007])
def test_as_zlib_where_messages_are_long(size: int) -> None:
    data = bytes(number * number % 251 for number in range(1000)) * (size // 1000 + 1)
    assert crc.update(CRC32, 0, data[:size]) == zlib.crc32(data[:size])


@given(st.sampled_from(ALL), st.binary(max_size=600))
def test_folding_changes_nothing(polynomial: Polynomial, data: bytes) -> None:
    assert crc.update(polynomial, 0, data) == register(polynomial, data)


@given(st.sampled_from(ALL), st.binary(max_size=700), st.integers(0, 700))
def test_it_does_not_matter_how_bytes_are_cut(polynomial: Polynomial, data: bytes, at: int) -> None:
    first = crc.update(polynomial, 0, data[:at])
    assert crc.update(polynomial, first, memoryview(data)[at:]) == crc.update(polynomial, 0, data)


@given(st.sampled_from(ALL), st.binary(max_size=700), st.binary(max_size=700))
def test_checks_of_halves_combine(polynomial: Polynomial, one: bytes, other: bytes) -> None:
    first, second = crc.update(polynomial, 0, one), crc.update(polynomial, 0, other)
    assert crc.combine(polynomial, first, second, len(other)) == crc.update(polynomial, 0, one + other)


@pytest.mark.parametrize("algorithm", sorted(digests.COMBINED))
def test_digests_of_parts_combine(algorithm: str) -> None:
    parts = [b"", b"one", b"two" * 5000, b"three"]
    measured = [(digests.of(algorithm, part), len(part)) for part in parts]
    assert digests.combined(algorithm, measured) == digests.of(algorithm, b"".join(parts))


@pytest.mark.parametrize("algorithm", sorted(digests.KNOWN))
def test_every_known_digest_grows_as_bytes_come(algorithm: str) -> None:
    digest = digests.fresh(algorithm)
    digest.update(b"some ")
    digest.update(memoryview(b"bytes"))
    assert digest.digest() == digests.of(algorithm, b"some bytes")


def test_an_unknown_digest_is_refused() -> None:
    with pytest.raises(KeyError):
        digests.fresh("shake_128")


def register(polynomial: Polynomial, data: bytes) -> int:
    """The definition, one bit at a time."""
    mirrored = int(f"{polynomial.terms:0{polynomial.width}b}"[::-1], 2)
    state = ones = (1 << polynomial.width) - 1
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (mirrored if state & 1 else 0)
    return state ^ ones
