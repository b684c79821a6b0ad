"""Room gateway/protocols: documents as XML, by shape. In: XML text or a document. Out: the other.

Shared by rest-xml and query. Reading goes through defusedxml (no entities, no external references) and ignores
namespaces; writing makes text directly, without a tree, by closures compiled once per shape.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeAlias
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from stepwell.base.documents import Document
from stepwell.gateway.protocols import texts
from stepwell.spec.models import Member, Shape
from stepwell.spec.wording import malformed_xml

Writer: TypeAlias = Callable[[Any], str]
"""A value as XML."""

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters XML 1.0 has no way to write."""
_REMARKABLE = re.compile(_FORBIDDEN.pattern[:-1] + "\r&<>]")
"""Those, and the ones that are written otherwise."""


def loads(data: bytes) -> Element:
    """The root of an XML text. Raises Fault when it is none, or declares entities."""
    try:
        root: Element = fromstring(data, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise malformed_xml() from None
    return root


def read(shape: Shape, node: Element) -> Document:
    """The members of a structure that `node` holds. Raises Fault."""
    children: dict[str, list[Element]] = {}
    for child in node:
        children.setdefault(_local(child.tag), []).append(child)
    found: Document = {}
    for name, member in shape.members.items():
        if member.trait("xmlAttribute"):
            value = _attribute(node, member.wire_name)
            if value is not None:
                found[name] = texts.read(member, value)
            continue
        nodes = next((children[tag] for tag in _tags(member) if tag in children), None)
        if nodes:
            found[name] = _read_member(member, nodes)
    return found


def _read_member(member: Member, nodes: list[Element]) -> object:
    shape = member.shape
    match shape.kind:
        case "structure":
            return read(shape, nodes[0])
        case "list":
            items = nodes if member.trait("flattened") else list(nodes[0])
            return [_read_member(shape.element, [item]) for item in items]
        case "map":
            entries = nodes if member.trait("flattened") else list(nodes[0])
            return dict(_read_entry(shape, entry) for entry in entries)
        case _:
            if len(nodes[0]):
                raise malformed_xml()
            return texts.read(member, nodes[0].text or "")


def _read_entry(shape: Shape, entry: Element) -> tuple[str, object]:
    parts = {_local(child.tag): child for child in entry}
    key = parts.get(_named(shape.key, "key"))
    value = parts.get(_named(shape.value, "value"))
    if key is None or value is None:
        raise malformed_xml()
    return key.text or "", _read_member(shape.value, [value])


def _tags(member: Member) -> Iterator[str]:
    yield member.wire_name
    if member.shape.kind == "list" and member.trait("flattened"):
        yield _named(member.shape.element, member.wire_name)


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _attribute(node: Element, name: str) -> str | None:
    wanted = name.rpartition(":")[2]
    return next((value for key, value in node.attrib.items() if _local(key) == wanted), None)


def write(shape: Shape, document: Mapping[str, Any], time_format: str) -> str:
    """The members of a structure as elements, without an element around them."""
    return _structure(shape, time_format)(document)


def element(name: str, content: str, namespace: str | None = None) -> str:
    """One element; `content` is XML already."""
    attribute = f' xmlns="{escape_attribute(namespace)}"' if namespace else ""
    return f"<{name}{attribute}>{content}</{name}>"


def text(value: str) -> str:
    """`value` as the content of an element; what XML cannot hold becomes a question mark, as on AWS."""
    if _REMARKABLE.search(value) is None:
        return value
    return escape(_FORBIDDEN.sub("?", value), {"\r": "&#13;"})


def escape_attribute(value: str) -> str:
    return escape(_FORBIDDEN.sub("?", value), {'"': "&quot;", "\r": "&#13;", "\n": "&#10;"})


@lru_cache(maxsize=4096)
def _structure(shape: Shape, time_format: str) -> Writer:
    """Writes the members of a structure that travel as elements."""
    rules = [
        (name, _writer(member, member.wire_name, time_format))
        for name, member in shape.members.items()
        if not member.location and not member.trait("xmlAttribute")
    ]

    def write_members(document: Mapping[str, Any]) -> str:
        found = [(rule, document.get(name)) for name, rule in rules]
        return "".join([rule(value) for rule, value in found if value is not None])

    return write_members


def _writer(member: Member, name: str, time_format: str) -> Writer:
    """Writes one member as an element of that name. Structures are compiled when they are first met: some recur."""
    shape = member.shape
    opening, closing = f"<{name}>", f"</{name}>"
    match shape.kind:
        case "structure" if any(inner.trait("xmlAttribute") for inner in shape.members.values()):
            return lambda value: (
                f"<{name}{_attributes(shape, value)}>{_structure(shape, time_format)(value)}{closing}"
            )
        case "structure":
            return lambda value: f"{opening}{_structure(shape, time_format)(value)}{closing}"
        case "list":
            return _list_writer(member, name, time_format)
        case "map":
            return _map_writer(member, name, time_format)
        case "string":
            return lambda value: f"{opening}{text(str(value))}{closing}"
        case "integer" | "long":
            return lambda value: f"{opening}{value}{closing}"
        case _:
            return lambda value: f"{opening}{text(texts.write(member, value, time_format))}{closing}"


def _list_writer(member: Member, name: str, time_format: str) -> Writer:
    inner = member.shape.element
    if member.trait("flattened"):
        # Clients look for the element's own name where the model gives it one, else for the list's.
        write_item = _writer(inner, _named(inner, name), time_format)
        return lambda value: "".join(map(write_item, value))
    write_item = _writer(inner, _named(inner, "member"), time_format)
    return lambda value: element(name, "".join(map(write_item, value)))


def _map_writer(member: Member, name: str, time_format: str) -> Writer:
    shape = member.shape
    flattened = bool(member.trait("flattened"))
    key_tag, entry_tag = _named(shape.key, "key"), name if flattened else "entry"
    write_item = _writer(shape.value, _named(shape.value, "value"), time_format)

    def write_map(value: Mapping[str, Any]) -> str:
        entries = "".join(
            element(entry_tag, element(key_tag, text(key)) + write_item(item))
            for key, item in value.items()
            if item is not None
        )
        return entries if flattened else element(name, entries)

    return write_map


def _attributes(shape: Shape, value: Mapping[str, Any]) -> str:
    found = ""
    for name, member in shape.members.items():
        if not member.trait("xmlAttribute") or value.get(name) is None:
            continue
        prefix, _, _ = member.wire_name.rpartition(":")
        namespace = shape.traits.get("xmlNamespace") or {}
        if prefix and namespace.get("uri"):
            found += f' xmlns:{prefix}="{escape_attribute(namespace["uri"])}"'
        found += f' {member.wire_name}="{escape_attribute(str(value[name]))}"'
    return found


def _named(member: Member, default: str) -> str:
    return str(member.traits.get("locationName") or default)
