"""Room runtime: an invocation's row, and where it lives on this machine. In: a row, a move. Out: the row after.

The folder is `<data>/invocations/<id>/<attempt>/`: the launcher's, and in it `exchange`, which the function sees as
/var/stepwell. The id derives from the subject, so every server finds the same folder.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from stepwell.base import ids, times
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.container import notices, tidying
from stepwell.machines.invocation import Ended, Event, Invocation
from stepwell.store.resources import Resource

HEXADECIMAL = "0123456789abcdef"
PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class Record:
    """An invocation: its subject, its row, and what the row says of it."""

    subject: str
    resource: Resource
    invocation: Invocation

    @property
    def request_id(self) -> str:
        """What the function knows as aws_request_id; the same for every attempt."""
        return str(self.resource.document["RequestId"])

    @property
    def function(self) -> Document:
        """The function as it was when the invocation began; gone once the outcome stands."""
        found: Document = self.resource.document["Function"]
        return found

    @property
    def scope(self) -> Scope:
        """Account and region, and the function's role as the one who acts."""
        key = self.resource.key
        return Scope(key.account, key.region, self.function["Role"])

    @property
    def log_stream(self) -> str:
        """The stream of this attempt: day, version, and an id, as Lambda calls its streams."""
        day = times.iso(self.resource.created)[:10].replace("-", "/")
        token = ids.derived(32, self.subject, str(self.invocation.attempt), alphabet=HEXADECIMAL)
        return f"{day}/[{self.function['Version']}]{token}"


@dataclass(frozen=True, slots=True)
class Place:
    """The folders of one attempt."""

    invocation: Path
    attempt: int

    @property
    def root(self) -> Path:
        """The launcher's folder."""
        return self.invocation / str(self.attempt)

    @property
    def exchange(self) -> Path:
        """What goes in and comes out."""
        return self.root / "exchange"

    @property
    def log(self) -> Path:
        """What the function and the supervisor write."""
        return self.root / notices.NAME

    def make(self) -> None:
        """Make the folders; nobody but the server's user may look into them."""
        self.invocation.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        tidying.remove(self.exchange)
        self.exchange.mkdir(parents=True)

    def empty(self) -> None:
        """Remove everything of every attempt but the logs."""
        if self.invocation.is_dir():
            for attempt in self.invocation.iterdir():
                tidying.remove_all_but(attempt, notices.NAME)


def record(subject: str, row: Resource) -> Record:
    """The invocation of that row."""
    return Record(subject, row, Invocation(**row.document["Progress"]))


def place_of(data: Path, state: Record) -> Place:
    """Where the present attempt lives, below the server's `data`."""
    return Place(data / "invocations" / ids.derived(20, state.subject, alphabet=ids.LOWER), state.invocation.attempt)


def moved(before: Record, after: Invocation, event: Event, now: float) -> Resource:
    """The row once `event` has made the invocation `after`."""
    progress = asdict(after)
    if not isinstance(event, Ended) or after.phase != "Cleaning":
        return before.resource.with_changes(now, Progress=progress)
    outcome = event.outcome
    return before.resource.with_changes(
        now,
        status="Succeeded" if outcome.is_success else "Failed",
        Progress=progress,
        Result=outcome.payload,
        PlatformFailure=outcome.is_platform_failure,
        # What only running it needed: among it are variables that may be secrets.
        Function=None,
        Payload=None,
        ClientContext=None,
    )


def is_kept(row: Resource) -> bool:
    """Whether the row stays until somebody forgets it."""
    return bool(row.document["Kept"])


def waiter(row: Resource) -> tuple[str, str] | None:
    """The (machine, subject) to wake at the end."""
    found = row.document.get("Waiter")
    return (found[0], found[1]) if found else None
