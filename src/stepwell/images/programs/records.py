"""Room images, inside the container: application/x-recordio-protobuf, both ways. In: bytes. Out: features and labels
as numpy or scipy matrices; or `BadRecords` saying where the bytes stop making sense. And back.

A file is a run of frames (a magic number, a length, the record, zeros up to a multiple of four); a record is the
protobuf message aialgs.data.Record ("Common Data Formats for Training" in the SageMaker developer guide). It is read
here by hand, since no environment holds that message's class: a Record has maps `features` (1) and `label` (2) from
names to a Value, which is a tensor of float32 (2), float64 (3) or int32 (7); a tensor has values (1), keys (2) when
it is sparse, and shape (3).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .contract import package

_MAGIC = struct.pack("<I", 0xCED7230A)
CONTENT_TYPE = "application/x-recordio-protobuf"
_VALUES = "values"
"""The name of the one feature, and of the one label, that algorithms look at."""
_FORMS = {2: "<f4", 3: "<f8", 7: "int32"}
_VARINT, _EIGHT, _LENGTH, _FOUR = 0, 1, 2, 5


class BadRecords(Exception):
    """The bytes are not what they should be."""


@dataclass(frozen=True)
class Tensor:
    """Numbers of a record. `keys`: where they stand when it is sparse; `shape`: how long it would be if it were not.
    `place`: where the values lie in the bytes when they lie there as they are."""

    values: Any
    keys: list[int] | None = None
    shape: tuple[int, ...] = ()
    place: tuple[int, int, str] | None = None


@dataclass(frozen=True)
class Record:
    """One record."""

    features: Mapping[str, Tensor]
    label: Mapping[str, Tensor]


@dataclass(frozen=True)
class Table:
    """All records: a row each, dense (numpy) or sparse (scipy, CSR); labels if the records have any."""

    features: Any
    labels: Any = None


def read(data: bytes) -> Table:
    """The table that `data` holds. Raises BadRecords."""
    frames = list(_frames(data))
    if not frames:
        raise BadRecords("there is no record")
    first = _record(data, *frames[0])
    fast = _read_alike(data, frames, first)
    if fast is not None:
        return fast
    records = [_record(data, *frame) for frame in frames]
    tensors = [_tensor_of(each.features, number) for number, each in enumerate(records, 1)]
    labels = [each.label.get(_VALUES) for each in records]
    return Table(_matrix(tensors), _labels(labels))


def _frames(data: bytes) -> Iterator[tuple[int, int]]:
    """Where each record begins and ends."""
    position = 0
    while position < len(data):
        if not _MAGIC.startswith(data[position : position + len(_MAGIC)]):
            raise BadRecords(f"there is no record at byte {position}: the magic number is missing")
        if position + 8 > len(data):
            raise BadRecords(f"a record is cut off at byte {position}")
        (length,) = struct.unpack_from("<I", data, position + len(_MAGIC))
        begin = position + 8
        if begin + length > len(data):
            raise BadRecords(f"a record is cut off at byte {position}")
        yield begin, begin + length
        position = begin + (length + 3) // 4 * 4


def _read_alike(data: bytes, frames: list[tuple[int, int]], first: Record) -> Table | None:
    """All records at once when they differ in nothing but their numbers, which is how the SDK writes a matrix."""
    feature, label = first.features.get(_VALUES), first.label.get(_VALUES)
    numpy = package("numpy")
    begin, end = frames[0]
    stride = 8 + (end - begin + 3) // 4 * 4
    if feature is None or feature.place is None or feature.keys or len(data) != stride * len(frames):
        return None
    places = [feature.place] + ([label.place] if label is not None and label.place is not None else [])
    if len(places) != len(first.features) + len(first.label):
        return None
    rows = numpy.frombuffer(data, dtype=numpy.uint8).reshape(len(frames), stride)
    alike = numpy.ones(stride, dtype=bool)
    for start, stop, _ in places:
        alike[start:stop] = False
    if not (rows[:, alike] == rows[0, alike]).all():
        return None
    tables = [numpy.ascontiguousarray(rows[:, start:stop]).view(form) for start, stop, form in places]
    return Table(tables[0], tables[1][:, 0] if len(tables) > 1 else None)


def _tensor_of(features: Mapping[str, Tensor], number: int) -> Tensor:
    if _VALUES not in features:
        raise BadRecords(f"record {number} has no feature named '{_VALUES}'")
    return features[_VALUES]


def _matrix(tensors: Sequence[Tensor]) -> Any:
    numpy = package("numpy")
    if not any(each.keys is not None or each.shape for each in tensors):
        width = len(tensors[0].values)
        for number, each in enumerate(tensors, 1):
            if len(each.values) != width:
                raise BadRecords(f"record {number} has {len(each.values)} features, the first has {width}")
        return numpy.stack([each.values for each in tensors])
    width = max(_width(each) for each in tensors)
    ends = numpy.cumsum([0] + [len(each.values) for each in tensors])
    keys = [numpy.array(_keys(each, number, width)) for number, each in enumerate(tensors, 1)]
    values = numpy.concatenate([each.values for each in tensors])
    parts = (values, numpy.concatenate(keys).astype("int64"), ends)
    return package("scipy.sparse").csr_matrix(parts, shape=(len(tensors), width))


def _width(tensor: Tensor) -> int:
    if tensor.shape:
        return tensor.shape[-1]
    return 1 + max(tensor.keys, default=-1) if tensor.keys is not None else len(tensor.values)


def _keys(tensor: Tensor, number: int, width: int) -> list[int]:
    keys = tensor.keys if tensor.keys is not None else list(range(len(tensor.values)))
    if len(keys) != len(tensor.values) or any(key >= width for key in keys):
        raise BadRecords(f"record {number} has keys that do not fit its values or its shape")
    return keys


def _labels(tensors: Sequence[Tensor | None]) -> Any:
    numpy = package("numpy")
    if all(each is None or not len(each.values) for each in tensors):
        return None
    found = []
    for number, each in enumerate(tensors, 1):
        if each is None or not len(each.values):
            raise BadRecords(f"record {number} has no label, others have one")
        found.append(float(each.values[0]))
    return numpy.array(found, dtype="float32")


def _record(data: bytes, begin: int, end: int) -> Record:
    maps: dict[int, dict[str, Tensor]] = {1: {}, 2: {}}
    for number, kind, start, stop in _fields(data, begin, end):
        if number in maps and kind == _LENGTH:
            name, tensor = _entry(data, start, stop)
            if tensor is not None:
                maps[number][name] = tensor
    return Record(maps[1], maps[2])


def _entry(data: bytes, begin: int, end: int) -> tuple[str, Tensor | None]:
    name, tensor = "", None
    for number, kind, start, stop in _fields(data, begin, end):
        if number == 1 and kind == _LENGTH:
            name = data[start:stop].decode("utf-8", "replace")
        elif number == 2 and kind == _LENGTH:
            tensor = _value(data, start, stop)
    return name, tensor


def _value(data: bytes, begin: int, end: int) -> Tensor | None:
    for number, kind, start, stop in _fields(data, begin, end):
        if number in _FORMS and kind == _LENGTH:
            return _tensor(data, start, stop, _FORMS[number])
    return None


def _tensor(data: bytes, begin: int, end: int, form: str) -> Tensor:
    numpy = package("numpy")
    pieces: list[Any] = []
    places: list[tuple[int, int, str]] = []
    keys: list[int] = []
    shape: list[int] = []
    for number, _, start, stop in _fields(data, begin, end):
        if number == 1 and form == "int32":
            found = list(_varints(data, start, stop))
            signed = [each - (1 << 64) if each >> 63 else each for each in found]
            pieces.append(numpy.array(signed, dtype="int64").astype("int32"))
        elif number == 1:
            if (stop - start) % numpy.dtype(form).itemsize:
                raise BadRecords(f"a tensor at byte {start} ends within a number")
            pieces.append(numpy.frombuffer(data, dtype=form, count=(stop - start) // int(form[2]), offset=start))
            places.append((start, stop, form))
        elif number in (2, 3):
            (keys if number == 2 else shape).extend(_varints(data, start, stop))
    values = numpy.concatenate(pieces) if pieces else numpy.empty(0, dtype=form)
    is_sparse = keys or (shape and not pieces)
    return Tensor(values, keys if is_sparse else None, tuple(shape), places[0] if len(places) == 1 else None)


def _fields(data: bytes, begin: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Number, wire type, and where the content lies, of every field of the message between `begin` and `end`."""
    position = begin
    while position < end:
        key, position = _varint(data, position, end)
        number, kind = key >> 3, key & 7
        start = position
        if kind == _LENGTH:
            length, start = _varint(data, position, end)
            position = start + length
        elif kind == _VARINT:
            _, position = _varint(data, position, end)
        elif kind in (_FOUR, _EIGHT):
            position += 4 if kind == _FOUR else 8
        else:
            raise BadRecords(f"byte {start} does not begin a field of a record")
        if position > end:
            raise BadRecords(f"a field at byte {start} is longer than its record")
        yield number, kind, start, position


def _varint(data: bytes, position: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while position < end and shift < 70:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise BadRecords(f"a number at byte {position} does not end")


def _varints(data: bytes, begin: int, end: int) -> Iterator[int]:
    while begin < end:
        value, begin = _varint(data, begin, end)
        yield value


def write(features: Any, labels: Any = None) -> bytes:
    """Records of a matrix, dense or sparse, as float32."""
    numpy = package("numpy")
    sparse = features.tocsr() if hasattr(features, "tocsr") else None
    frames = []
    for number in range(features.shape[0]):
        if sparse is None:
            tensor = _packed(numpy.asarray(features[number]))
        else:
            part = slice(sparse.indptr[number], sparse.indptr[number + 1])
            tensor = _packed(sparse.data[part], sparse.indices[part].tolist(), sparse.shape[1])
        message = _map_entry(1, _VALUES, tensor)
        if labels is not None:
            message += _map_entry(2, _VALUES, _packed(numpy.asarray([labels[number]])))
        frames.append(_frame(message))
    return b"".join(frames)


def write_answers(answers: Sequence[Mapping[str, Any]]) -> bytes:
    """A record for each answer: what it says stands among the labels, each a list of numbers or one."""
    numpy = package("numpy")
    frames = []
    for answer in answers:
        tensors = {name: _packed(numpy.atleast_1d(numpy.asarray(value))) for name, value in answer.items()}
        frames.append(_frame(b"".join(_map_entry(2, name, each) for name, each in tensors.items())))
    return b"".join(frames)


def _packed(values: Any, keys: Sequence[int] | None = None, width: int = 0) -> bytes:
    """A Value that is a tensor of float32."""
    tensor = _field(1, values.astype("<f4").tobytes())
    if keys is not None:
        tensor += _field(2, b"".join(map(_as_varint, keys))) + _field(3, _as_varint(width))
    return _field(2, tensor)


def _map_entry(number: int, name: str, value: bytes) -> bytes:
    return _field(number, _field(1, name.encode()) + _field(2, value))


def _field(number: int, content: bytes) -> bytes:
    return _as_varint(number << 3 | _LENGTH) + _as_varint(len(content)) + content


def _as_varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _frame(message: bytes) -> bytes:
    return _MAGIC + struct.pack("<I", len(message)) + message + bytes(-len(message) % 4)
