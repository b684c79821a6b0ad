"""Room definition: OutputParameters, what a Lambda or Callback step promises to answer.

In: [{"OutputName": ..., "OutputType": ...}]. Out: OutputParameter values; `Steps.<name>.OutputParameters['<output>']`
reads them. Spec 01, sections 4 and 5.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from stepwell.definition.json_text import JSON
from stepwell.definition.problems import below, shown, suggestion
from stepwell.definition.reading import Reading

OutputType: TypeAlias = Literal["String", "Integer", "Boolean", "Float"]
_TYPES: tuple[OutputType, ...] = get_args(OutputType)


@dataclass(frozen=True, slots=True)
class OutputParameter:
    """A named value of a step, of a known type."""

    name: str
    type: OutputType
    pointer: str


def parse_outputs(value: JSON, pointer: str, reading: Reading) -> Iterator[OutputParameter]:
    """The outputs of a step in their order; those that cannot be read are noted and left out."""
    if value is None:
        return
    for index, item in enumerate(reading.array(value, pointer)):
        here = below(pointer, index)
        document = reading.mapping(item, here)
        if document is not item:
            continue
        reading.only(document, ("OutputName", "OutputType"), here, "OutputParameter")
        name = reading.required_text(document, "OutputName", here)
        type_ = reading.optional_text(document, "OutputType", here) or "String"
        if type_ in _TYPES:
            yield OutputParameter(name, type_, here)
        else:
            hint = suggestion(type_, _TYPES)
            reading.refuse(below(here, "OutputType"), f"Unknown output type '{shown(type_)}'.{hint}")
