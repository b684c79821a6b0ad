"""Room steps: what may stand at one place of a step's Arguments, or of its properties.

In: AWS's shapes. Out: Form values: a shape as it is, with members taken away, added or renamed, or a form written
down here where AWS publishes no shape. The room checks walks along them; nothing here looks at a definition.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache, cached_property
from typing import TypeAlias

from stepwell.spec.models import OperationModel, Shape

Models: TypeAlias = Callable[[str, str], OperationModel]
"""(service, operation) -> its model; `stepwell.spec.models.operation` is one."""

FREE_KIND = "free"
"""The kind of a form that says nothing: any JSON may stand there."""


class Form:
    """What may stand at a place: `kind` is a Shape's, or FREE_KIND; `shape` bounds a scalar or a length."""

    __slots__ = ("__dict__", "_inner", "_members", "kind", "name", "refused", "required", "shape")

    def __init__(
        self,
        kind: str,
        name: str = "",
        members: Callable[[], Mapping[str, Form]] = dict,
        inner: Callable[[], Form] | None = None,
        required: tuple[str, ...] = (),
        shape: Shape | None = None,
        refused: frozenset[str] = frozenset(),
    ) -> None:
        self.kind = kind
        self.name = name
        self.required = required
        self.shape = shape
        self.refused = refused
        """Members that the shape has and that may not stand here."""
        self._members = members
        self._inner = inner

    def __repr__(self) -> str:
        return f"<Form {self.name or self.kind}>"

    @cached_property
    def members(self) -> Mapping[str, Form]:
        """Of a structure: its members by name. Of anything else: empty."""
        return self._members()

    @cached_property
    def inner(self) -> Form:
        """Of a list or a map: what it holds."""
        assert self._inner is not None
        return self._inner()


FREE = Form(FREE_KIND)
TEXT = Form("string")
WHOLE = Form("integer")
FLAG = Form("boolean")

Rename: TypeAlias = Callable[[str], str]


def as_it_is(name: str) -> str:
    return name


def pascal(name: str) -> str:
    """`modelArn` -> `ModelArn`, as pipelines write the members of Bedrock's requests."""
    return name[:1].upper() + name[1:]


@cache
def of_shape(shape: Shape, rename: Rename = as_it_is) -> Form:
    """The form of `shape`, its members called as `rename` says. One object per shape: it may hold itself."""
    match shape.kind:
        case "structure":
            return Form(
                shape.kind,
                shape.name,
                members=lambda: {
                    rename(name): of_shape(member.shape, rename) for name, member in shape.members.items()
                },
                required=tuple(rename(name) for name in shape.required),
                shape=shape,
            )
        case "list":
            return Form(shape.kind, shape.name, inner=lambda: of_shape(shape.element.shape, rename), shape=shape)
        case "map":
            return Form(shape.kind, shape.name, inner=lambda: of_shape(shape.value.shape, rename), shape=shape)
        case _:
            return Form(shape.kind, shape.name, shape=shape)


def request(models: Models, service: str, operation: str, rename: Rename = as_it_is) -> Form:
    """What `operation` takes."""
    return _sided(models(service, operation).input_shape, rename)


def answer(models: Models, service: str, operation: str, rename: Rename = as_it_is) -> Form:
    """What `operation` answers."""
    return _sided(models(service, operation).output_shape, rename)


def _sided(shape: Shape | None, rename: Rename) -> Form:
    return of_shape(shape, rename) if shape else structure({})


def structure(members: Mapping[str, Form], required: tuple[str, ...] = ()) -> Form:
    """A structure of these members."""
    return Form("structure", members=lambda: members, required=required)


def listing(inner: Form) -> Form:
    """A list of `inner`."""
    return Form("list", inner=lambda: inner)


def mapping(inner: Form) -> Form:
    """A map from names to `inner`."""
    return Form("map", inner=lambda: inner)


def changed(
    form: Form, more: Mapping[str, Form] | None = None, without: Collection[str] = (), optional: Collection[str] = ()
) -> Form:
    """The structure `form` with members of its own, without some, and with some that need not be there."""
    return Form(
        form.kind,
        form.name,
        members=lambda: {
            **{name: form.members[name] for name in form.members if name not in without},
            **(more or {}),
        },
        required=tuple(name for name in form.required if name not in without and name not in optional),
        shape=form.shape,
        refused=form.refused | set(without),
    )
