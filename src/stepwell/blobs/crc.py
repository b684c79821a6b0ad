"""Room blobs: cyclic redundancy checks without C. In: bytes. Out: an integer; checks of parts combine to the whole's.

A message is a polynomial over GF(2), its check the remainder modulo the CRC's polynomial P. Byte-wise tables do
20 MB/s in Python, so the bulk is folded with big integers instead: M = H·x^n + L is congruent to H·(x^n mod P) + L,
which is half as long and costs one shift and one xor for each term of x^n mod P. Near every power of two we look for
an n whose remainder has few terms. On one 2020s core that gives 260 MB/s for 32 bits and 160 MB/s for 64.

The checks here are the reflected ones that start from and end with all bits inverted; in the little-endian integer
of a message, bit i of n stands for x^(n-1-i). Parameters: the catalogue of parametrised CRC algorithms by G. Cook.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

SEARCHED = 1 << 12
"""How many lengths beyond a power of two are tried for a remainder of few terms."""

SHORT = 64
"""Bits up to which a message is finished bit by bit."""


@dataclass(frozen=True, slots=True)
class Polynomial:
    """P without its highest term x^width, bit i standing for x^i."""

    width: int
    terms: int


CRC32 = Polynomial(32, 0x04C11DB7)
CRC32C = Polynomial(32, 0x1EDC6F41)
CRC64NVME = Polynomial(64, 0xAD93D23594C93659)


def update(polynomial: Polynomial, value: int, data: bytes | memoryview) -> int:
    """The check of what gave `value` (0: nothing) followed by `data`."""
    if not len(data):
        return value
    ones = (1 << polynomial.width) - 1
    length = 8 * len(data)
    if length < polynomial.width:
        return _shift_in(polynomial, value ^ ones, int.from_bytes(data, "little"), length) ^ ones
    message = int.from_bytes(data, "little") ^ value ^ ones
    while length > 4 * polynomial.width:
        message, length = _fold(polynomial, message, length)
    return _shift_in(polynomial, 0, message, length) ^ ones


def combine(polynomial: Polynomial, first: int, second: int, length: int) -> int:
    """The check of a message from those of its two halves; `length` is the second's in bytes."""
    moved = _multiply(polynomial, _reversed(polynomial, first), _power(polynomial, 8 * length))
    return _reversed(polynomial, moved) ^ second


def _fold(polynomial: Polynomial, message: int, length: int) -> tuple[int, int]:
    """A congruent message that is shorter."""
    kept, shifts = _splitting(polynomial, length)
    head = message & ((1 << (length - kept)) - 1)
    tail = message >> (length - kept)
    slack = 2 * kept - length
    for shift in shifts:
        tail ^= head << (slack - shift)
    return tail, kept


@lru_cache(4096)
def _splitting(polynomial: Polynomial, length: int) -> tuple[int, tuple[int, ...]]:
    """Of a message of `length` bits: how many of its last bits to keep, and the terms of x^kept mod P."""
    level = max((length + polynomial.width).bit_length() - 2, 0)
    for kept, shifts in (_sparse(polynomial, level), _sparse(polynomial, level + 1)):
        if length > kept >= (length + polynomial.width) / 2:
            return kept, shifts
    half = (length + polynomial.width + 1) // 2
    return half, _shifts(_power(polynomial, half))


@cache
def _sparse(polynomial: Polynomial, level: int) -> tuple[int, tuple[int, ...]]:
    """A length of about 2^level bits and the terms of its power of x: the fewest there are nearby."""
    length = 1 << level
    power = _power(polynomial, length)
    best = (power.bit_count(), length, power)
    for further in range(length + 1, length + min(SEARCHED, length // 4)):
        power = _times_x(polynomial, power)
        best = min(best, (power.bit_count(), further, power))
    return best[1], _shifts(best[2])


def _shifts(power: int) -> tuple[int, ...]:
    return tuple(position for position in range(power.bit_length()) if power >> position & 1)


def _shift_in(polynomial: Polynomial, state: int, message: int, length: int) -> int:
    """The textbook register: one bit at a time, for what is too short to fold."""
    mirrored = _reversed(polynomial, polynomial.terms)
    for position in range(length):
        low = (state ^ message >> position) & 1
        state = state >> 1 ^ (mirrored if low else 0)
    return state


def _times_x(polynomial: Polynomial, value: int) -> int:
    value <<= 1
    return value ^ (1 << polynomial.width | polynomial.terms) if value >> polynomial.width else value


@lru_cache(4096)
def _power(polynomial: Polynomial, exponent: int) -> int:
    """x^exponent mod P."""
    if exponent == 0:
        return 1
    half = _power(polynomial, exponent // 2)
    squared = _multiply(polynomial, half, half)
    return _times_x(polynomial, squared) if exponent % 2 else squared


def _multiply(polynomial: Polynomial, one: int, other: int) -> int:
    product = 0
    while other:
        if other & 1:
            product ^= one
        one = _times_x(polynomial, one)
        other >>= 1
    return product


def _reversed(polynomial: Polynomial, value: int) -> int:
    return int(f"{value:0{polynomial.width}b}"[::-1], 2)
