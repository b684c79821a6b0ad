"""What processing and training jobs have in common at the API: names, creating, finding, stopping, listing.

A job is a row with the status InProgress from the start; the machine of jobs does the rest. What clients may ask for
is checked here where AWS checks it at Create; what only shows when it is carried out fails the job instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault, in_use, validation
from stepwell.machines import job_progress
from stepwell.services import paging
from stepwell.services.events import announcements
from stepwell.services.registry import Call
from stepwell.services.sagemaker import experiment_configs, recording
from stepwell.services.sagemaker.tag_lists import tag_map
from stepwell.store import resources, tags
from stepwell.store.database import Connection
from stepwell.store.resources import Resource

MACHINE = "job"
ACTIVE = ("InProgress", "Stopping")


@dataclass(frozen=True, slots=True)
class Noun:
    """One kind of job at the API. `member` begins its members: TrainingJob of TrainingJobName."""

    kind: str
    member: str
    words: str
    """As it stands in messages: `training job`."""
    missing: Callable[[str], Fault]
    """The fault for a name that does not exist: its code differs by noun (spec 06, section 2)."""

    def arn(self, scope: Scope, name: str) -> str:
        """The ARN of the job of that name."""
        return scope.arn("sagemaker", f"{self.kind}/{name}")


def create(call: Call, noun: Noun, request: Document, document: Document) -> Document:
    """Add the job and set it going. Of two creates of one name at once, one gets ResourceInUse."""
    name = request[f"{noun.member}Name"]
    arn = noun.arn(call.scope, name)
    given = tag_map(request.get("Tags"))
    key = resources.key(call.scope, noun.kind, name)
    try:
        with call.site.database.write() as transaction:
            document = experiment_configs.settled(call, transaction, document, name, given)
            row = Resource(key, "InProgress", call.now, call.now, document)
            resources.add(transaction, row)
            tags.put(transaction, arn, given)
            announcements.job_changed(call.site, transaction, row, call.now)
            call.site.wake(transaction, MACHINE, arn, call.now)
    except resources.AlreadyExists:
        raise in_use(
            f"{noun.words.capitalize()} names must be unique within an AWS account and region, and a {noun.words} "
            f"with this name already exists ({arn})"
        ) from None
    return {f"{noun.member}Arn": arn}


def find(connection: Connection, scope: Scope, noun: Noun, name: str) -> Resource:
    """The job of that name; raises the noun's own fault."""
    row = resources.find(connection, resources.key(scope, noun.kind, name))
    if row is None or job_progress.is_deleted(row.document):
        raise noun.missing(name)
    return row


def describe(call: Call, noun: Noun, request: Document) -> Document:
    """What Describe answers for any job."""
    with call.site.database.read() as connection:
        row = find(connection, call.scope, noun, request[f"{noun.member}Name"])
    return {
        **job_progress.public(row.document),
        f"{noun.member}Name": row.name,
        f"{noun.member}Arn": noun.arn(call.scope, row.name),
        f"{noun.member}Status": row.status,
        "CreationTime": row.created,
        "LastModifiedTime": row.modified,
    }


def stop(call: Call, noun: Noun, request: Document, changes: Callable[[Resource], Document]) -> Document:
    """Ask the job to stop; asking again is fine. `changes` are document members that go with it."""
    with call.site.database.write() as transaction:
        row = find(transaction.connection, call.scope, noun, request[f"{noun.member}Name"])
        if row.status not in ACTIVE:
            raise validation(f"The request was rejected because the {noun.words} is in status {row.status}.")
        if row.status != "Stopping":
            stopping = row.with_changes(call.now, status="Stopping", **changes(row))
            resources.save(transaction, stopping)
            announcements.job_changed(call.site, transaction, stopping, call.now)
        call.site.wake(transaction, MACHINE, noun.arn(call.scope, row.name), call.now)
    return {}


def delete(call: Call, noun: Noun, request: Document) -> Document:
    """Forget an ended job. Its row goes when the machine has removed its files; it is not seen until then.

    What followed from it stays, so that is written first.
    """
    with recording.writing(call) as transaction:
        row = find(transaction.connection, call.scope, noun, request[f"{noun.member}Name"])
        if row.status in ACTIVE:
            raise in_use(f"The {noun.words} {row.name} is in status {row.status}. Stop it before you delete it.")
        document = {**row.document, job_progress.MEMBER: job_progress.deleted(row.document)}
        resources.save(transaction, replace(row, modified=call.now, document=document))
        call.site.wake(transaction, MACHINE, noun.arn(call.scope, row.name), call.now)
    return {}


def listed(
    call: Call, noun: Noun, request: Document, extra: tuple[str, ...], members: tuple[tuple[str, str], ...] = ()
) -> Document:
    """A page of summaries; `extra` are members that this noun's summaries have besides, `members` further filters."""

    def summary(row: Resource) -> Document:
        shown = {member: row.document[member] for member in extra if member in row.document}
        return {
            f"{noun.member}Name": row.name,
            f"{noun.member}Arn": noun.arn(call.scope, row.name),
            f"{noun.member}Status": row.status,
            "CreationTime": row.created,
            "LastModifiedTime": row.modified,
            **shown,
        }

    return paging.answer(
        call, paging.query(request, call, noun.kind, members=members), f"{noun.member}Summaries", summary
    )


def refuse_doubled(names: Iterable[str], what: str) -> None:
    """Raises ValidationException when a name is given twice."""
    doubled = [name for name, count in Counter(names).items() if count > 1]
    if doubled:
        raise validation(f"{what} must be unique; found more than once: {', '.join(doubled)}.")


def require_s3(uri: str, where: str) -> None:
    """Raises ValidationException unless `uri` is an S3 URI."""
    if not uri.startswith("s3://") or not uri.removeprefix("s3://").partition("/")[0]:
        raise validation(f"The S3 URI {uri!r} of {where} is not valid. Give s3://<bucket>/<prefix>.")
