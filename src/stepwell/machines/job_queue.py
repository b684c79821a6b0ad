"""Room machines: which jobs may run on this machine now. In: what each claims. Out: who is let in, and when.

A job claims what its instance types have, at most the whole machine. The line is fair between owners (pipeline
executions; jobs of their own share one place): whoever runs least is next, and within an owner the first that came.
Nobody overtakes the next in line, so a large job is not starved by small ones.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True, slots=True)
class Room:
    """Processors and memory, of a machine or of a claim."""

    cpus: float
    memory_bytes: float

    def fits_beside(self, taken: Room, whole: Room) -> bool:
        """Whether this much is left of `whole` when `taken` is taken."""
        return self.cpus <= whole.cpus - taken.cpus and self.memory_bytes <= whole.memory_bytes - taken.memory_bytes

    def within(self, whole: Room) -> Room:
        """This, but never more than there is."""
        return Room(min(self.cpus, whole.cpus), min(self.memory_bytes, whole.memory_bytes))

    def plus(self, other: Room, sign: int = 1) -> Room:
        return Room(self.cpus + sign * other.cpus, self.memory_bytes + sign * other.memory_bytes)


NOTHING = Room(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Claim:
    """What one job asks for. `owner`: the execution that it is part of, or nothing."""

    subject: str
    owner: str
    room: Room


Shortage = Literal["processors", "memory"]


@dataclass(frozen=True, slots=True)
class Standing:
    """A job that waits. `ahead`: how many are let in before it, if nobody ends out of turn."""

    claim: Claim
    ahead: int
    short: tuple[Shortage, ...]
    """Of what there is too little for it at this moment; nothing: it waits for who is before it."""


class JobQueue:
    """The line. `whole` is what there is. Not thread-safe; who runs is told to it again by each new process."""

    def __init__(self, whole: Room) -> None:
        self._whole = whole
        self._running: dict[str, Claim] = {}
        self._waiting: OrderedDict[str, OrderedDict[str, Claim]] = OrderedDict()
        self._busy: dict[str, int] = {}
        self._taken = NOTHING

    def runs(self, claim: Claim) -> None:
        """Take notice of a job that was let in before, whether it fits or not."""
        self.withdraw(claim.subject)
        if claim.owner in self._waiting:
            self._waiting.move_to_end(claim.owner)
        self._take(self.clipped(claim))

    def waits(self, claim: Claim) -> None:
        """Take notice of a job that waits already, the first that came first."""
        if claim.subject not in self._running:
            self._waiting.setdefault(claim.owner, OrderedDict()).setdefault(claim.subject, self.clipped(claim))

    def clipped(self, claim: Claim) -> Claim:
        """The claim, to no more than there is."""
        return replace(claim, room=claim.room.within(self._whole))

    def ask(self, claim: Claim) -> bool:
        """Whether the job may run: it was let in already, or nobody is before it and there is room."""
        if claim.subject in self._running:
            return True
        self.waits(claim)
        following = self._next()
        if following is None or following.subject != claim.subject or not self._has_room(following):
            return False
        self._let_in(following)
        return True

    def withdraw(self, subject: str) -> None:
        """The job has ended, or does not want to run any more."""
        running = self._running.pop(subject, None)
        if running is not None:
            self._taken = self._taken.plus(running.room, -1) if self._running else NOTHING
            self._busy[running.owner] -= 1
            if not self._busy[running.owner]:
                del self._busy[running.owner]
            return
        for owner, waiting in self._waiting.items():
            if waiting.pop(subject, None) is not None:
                if not waiting:
                    del self._waiting[owner]
                return

    def admit(self) -> list[str]:
        """Let in whoever is next and fits, until one does not."""
        admitted = []
        while (following := self._next()) is not None and self._has_room(following):
            self._let_in(following)
            admitted.append(following.subject)
        return admitted

    def waiting(self) -> int:
        """How many wait."""
        return sum(len(line) for line in self._waiting.values())

    @property
    def taken(self) -> Room:
        """What those who run have together."""
        return self._taken

    @property
    def free(self) -> Room:
        """What is left."""
        return self._whole.plus(self._taken, -1)

    @property
    def running(self) -> Sequence[Claim]:
        """Who runs, the first that was let in first."""
        return tuple(self._running.values())

    def line(self) -> list[Standing]:
        """Who waits, in the order in which they would be let in if nobody ended meanwhile."""
        busy = dict(self._busy)
        lines = OrderedDict((owner, deque(line.values())) for owner, line in self._waiting.items())
        standings: list[Standing] = []
        while lines:
            owner = min(lines, key=lambda each: busy.get(each, 0))
            claim = lines[owner].popleft()
            standings.append(Standing(claim, len(standings), self._short(claim)))
            busy[owner] = busy.get(owner, 0) + 1
            lines.move_to_end(owner)
            if not lines[owner]:
                del lines[owner]
        return standings

    def _short(self, claim: Claim) -> tuple[Shortage, ...]:
        free = self.free
        lacking: list[tuple[Shortage, bool]] = [
            ("processors", claim.room.cpus > free.cpus),
            ("memory", claim.room.memory_bytes > free.memory_bytes),
        ]
        return tuple(what for what, is_short in lacking if is_short)

    def _next(self) -> Claim | None:
        if not self._waiting:
            return None
        # min takes the first of equals: the owner who has waited longest
        owner = min(self._waiting, key=lambda each: self._busy.get(each, 0))
        return next(iter(self._waiting[owner].values()))

    def _has_room(self, claim: Claim) -> bool:
        return claim.room.fits_beside(self._taken, self._whole)

    def _let_in(self, claim: Claim) -> None:
        waiting = self._waiting[claim.owner]
        del waiting[claim.subject]
        if waiting:
            self._waiting.move_to_end(claim.owner)
        else:
            del self._waiting[claim.owner]
        self._take(claim)

    def _take(self, claim: Claim) -> None:
        self._running[claim.subject] = claim
        self._busy[claim.owner] = self._busy.get(claim.owner, 0) + 1
        self._taken = self._taken.plus(claim.room)
