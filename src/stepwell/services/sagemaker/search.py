"""Search and GetSearchSuggestions: resources by what is true of them. Spec 04, section 4.

A request is judged whole before anything is read; `search_lookup.py` finds the records, `search_records.py` says what
they are. Nothing is shared between accounts here, so a search across accounts finds nothing.
"""

from __future__ import annotations

import json

from stepwell.base.documents import Document
from stepwell.base.faults import not_implemented, validation
from stepwell.machines import search_expressions
from stepwell.machines.search_properties import Property
from stepwell.machines.search_values import Position, Value
from stepwell.services import paging
from stepwell.services.registry import Call, handlers_of, operation
from stepwell.services.sagemaker import recording, search_lookup
from stepwell.services.sagemaker.search_joined import Reading
from stepwell.services.sagemaker.search_proposals import Asked
from stepwell.services.sagemaker.search_records import NEVER_MADE, SEARCHED, Searched, never_made
from stepwell.services.sagemaker.search_suggestions import suggestions
from stepwell.store import search_rows

PAGE = 10
"""Results of a page when nobody says (the SDK's tests of its analytics: "10 results by default")."""
LOOKED_AT = 500
"""So many of the newest resources are looked at for suggestions."""


@operation
def search(call: Call, request: Document) -> Document:
    searched = _searched(request["Resource"])
    condition = search_expressions.parse(request.get("SearchExpression"), searched.naming)
    sorted_by = _sorted_by(searched, request.get("SortBy", searched.default_sort))
    after, seen = _decoded(request.get("NextToken"))
    if searched.resource in NEVER_MADE or request.get("CrossAccountFilterOption") == "CrossAccount":
        return {"Results": [], "TotalHits": {"Value": 0, "Relation": "EqualTo"}}
    size = request.get("MaxResults", PAGE)
    is_descending = request.get("SortOrder", "Descending") == "Descending"
    found = search_lookup.find(call, Asked(searched, condition, sorted_by, is_descending, size + 1, after))
    shown = found[:size]
    answer: Document = {"Results": [{searched.shown_as: record} for _, record in shown]}
    is_last = len(found) <= size
    relation = "EqualTo" if is_last else "GreaterThanOrEqualTo"
    answer["TotalHits"] = {"Value": seen + len(found), "Relation": relation}
    if not is_last:
        answer["NextToken"] = _encoded(shown[-1][0], seen + size)
    return answer


@operation
def get_search_suggestions(call: Call, request: Document) -> Document:
    searched = _searched(request["Resource"])
    query = request.get("SuggestionQuery", {}).get("PropertyNameQuery", {})
    recording.catch_up(call.site)
    with call.site.database.read() as connection:
        rows = search_rows.newest(connection, searched.kind, call.scope, LOOKED_AT)
        records = searched.records(Reading(call.door, connection, call.scope), rows)
    names = suggestions(searched.shape, (each for each in records if each), query.get("PropertyNameHint", ""))
    return {"PropertyNameSuggestions": [{"PropertyName": name} for name in names]}


def _searched(resource: str) -> Searched:
    found = SEARCHED.get(resource)
    if found is not None:
        return found
    if NEVER_MADE[resource] in handlers_of("sagemaker"):
        raise not_implemented("sagemaker", f"Search for {resource}")
    return never_made(resource)


def _sorted_by(searched: Searched, name: str) -> Property:
    found = searched.find(name)
    if found.type == "structure":
        raise validation(f"Property {name} cannot be used to sort: it is not a number, a text, a boolean or a time.")
    return found


def _encoded(position: Position, seen: int) -> str | None:
    return paging.encode((json.dumps([*position.value, position.row]), seen))


def _decoded(token: str | None) -> tuple[Position | None, int]:
    """Where the last page ended, and how much came before that."""
    following = paging.decode(token)
    if following is None:
        return None, 0
    try:
        form, number, text, row = json.loads(str(following[0]))
        return Position(Value(int(form), float(number), str(text)), int(row)), following[1]
    except (ValueError, TypeError):
        raise validation("The NextToken is not valid. Use the NextToken of the previous answer as it is.") from None
