"""What experiments, trials and trial components have in common: ARNs, names, their faults, lists of one in another.

Names count as the same in any case (docs/decisions/0028): they are kept as they were given, and found in any case.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault, not_found, validation
from stepwell.services import paging
from stepwell.services.registry import Call
from stepwell.services.sagemaker.identities import user_context
from stepwell.services.sagemaker.tag_lists import tag_map
from stepwell.store import folded_names, resources, tags, trial_memberships
from stepwell.store.database import Connection, Transaction
from stepwell.store.resources import Resource
from stepwell.store.trial_memberships import Listing, Member, Owner


@dataclass(frozen=True, slots=True)
class Noun:
    """One of the three. `kind` is the resource type of its ARNs, `member` begins its members."""

    kind: str
    member: str

    def arn(self, scope: Scope, name: str) -> str:
        """The ARN of the one of that name."""
        return scope.arn("sagemaker", f"{self.kind}/{name}")

    def missing(self, scope: Scope, name: str) -> Fault:
        """What is answered for a name that does not exist."""
        return not_found(f"{self.member} '{self.arn(scope, name)}' does not exist.")


EXPERIMENT = Noun("experiment", "Experiment")
TRIAL = Noun("experiment-trial", "Trial")
COMPONENT = Noun("experiment-trial-component", "TrialComponent")


def find(connection: Connection, scope: Scope, noun: Noun, name: str) -> Resource:
    """The one of that name, in any case. Raises ResourceNotFound."""
    found = folded_names.find(connection, resources.key(scope, noun.kind, name))
    if found is None:
        raise noun.missing(scope, name)
    return found


def add(
    transaction: Transaction, call: Call, noun: Noun, request: Document, document: Document, status: str = ""
) -> Resource:
    """Make one with its tags. Raises ValidationException when the name is taken, in whatever case."""
    name = request[f"{noun.member}Name"]
    given = tag_map(request.get("Tags"))
    key = resources.key(call.scope, noun.kind, name)
    if folded_names.find(transaction.connection, key) is not None:
        raise validation(
            f"{noun.member} names must be unique within an AWS account and region. "
            f"{noun.member} with name ({name}) already exists."
        )
    members = {"DisplayName": name, **document, "CreatedBy": user_context(call.scope)}
    members["LastModifiedBy"] = members["CreatedBy"]
    made = resources.add(transaction, Resource(key, status, call.now, call.now, members))
    tags.put(transaction, noun.arn(call.scope, name), given)
    return made


def remove(transaction: Transaction, scope: Scope, noun: Noun, row: Resource) -> Document:
    """Delete it with its tags; what Delete answers."""
    resources.remove(transaction, row.key)
    tags.clear(transaction, noun.arn(scope, row.name))
    return answer(scope, noun, row)


def answer(scope: Scope, noun: Noun, row: Resource) -> Document:
    """What Create, Update and Delete answer: its ARN."""
    return {f"{noun.member}Arn": noun.arn(scope, row.name)}


def named(scope: Scope, noun: Noun, row: Resource) -> Document:
    """What every description and summary begins with."""
    return {
        f"{noun.member}Name": row.name,
        f"{noun.member}Arn": noun.arn(scope, row.name),
        "DisplayName": row.document["DisplayName"],
        "CreationTime": row.created,
        "LastModifiedTime": row.modified,
    }


def linked(scope: Scope, noun: Noun, row: Resource, others: str) -> Fault:
    """What is answered when something cannot be deleted since others hang on it."""
    return validation(
        f"{noun.member} '{noun.arn(scope, row.name)}' is linked to 1 or more {others} and cannot be deleted."
    )


def members_of(
    connection: Connection,
    request: Document,
    owner: Owner,
    owner_id: int,
    member: Member,
    shown: tuple[str, Callable[[Resource], Document]],
) -> Document:
    """A page of what is in another: the trials of an experiment or component, the components of a trial."""
    listing = Listing(
        member,
        owner,
        owner_id,
        created_after=request.get("CreatedAfter"),
        created_before=request.get("CreatedBefore"),
        by_name=request.get("SortBy") == "Name",
        descending=request.get("SortOrder", "Descending") == "Descending",
        limit=request.get("MaxResults", 10),
        after=paging.decode(request.get("NextToken")),
    )
    rows, following = trial_memberships.page(connection, listing)
    name, summary = shown
    result: Document = {name: [summary(row) for row in rows]}
    return {**result, "NextToken": paging.encode(following)} if following is not None else result
