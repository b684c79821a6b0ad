"""Room store: which trials are in an experiment, and which components in which trials.

Rows name resources by their row ids, and repeat what lists are ordered by, so that a page of a list reads what it
shows and no more, however many others there are. A component may be in many trials, a trial in one experiment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Float,
    Index,
    Integer,
    String,
    Table,
    bindparam,
    delete,
    select,
    tuple_,
)
from sqlalchemy.dialects.sqlite import insert

from stepwell.store import resources
from stepwell.store.database import Transaction, metadata
from stepwell.store.prepared import Prepared
from stepwell.store.resources import Resource

trials = Table(
    "experiment_trials",
    metadata,
    Column("trial", Integer, primary_key=True),
    Column("experiment", Integer, nullable=False),
    Column("trial_name", String, nullable=False),
    Column("trial_created", Float, nullable=False),
    Index("experiment_trial_created", "experiment", "trial_created", "trial"),
    Index("experiment_trial_name", "experiment", "trial_name", "trial"),
)

components = Table(
    "trial_memberships",
    metadata,
    Column("trial", Integer, primary_key=True),
    Column("component", Integer, primary_key=True),
    Column("experiment", Integer, nullable=False),
    Column("component_name", String, nullable=False),
    Column("component_created", Float, nullable=False),
    Column("trial_name", String, nullable=False),
    Column("trial_created", Float, nullable=False),
    Index("membership_trial_created", "trial", "component_created", "component"),
    Index("membership_trial_name", "trial", "component_name", "component"),
    Index("membership_experiment_created", "experiment", "component_created", "component"),
    Index("membership_experiment_name", "experiment", "component_name", "component"),
    Index("membership_component_created", "component", "trial_created", "trial"),
    sqlite_with_rowid=False,
)

Owner = Literal["experiment", "trial", "component"]
Member = Literal["trial", "component"]


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list asks for: the trials of an experiment or a component, the components of a trial or experiment."""

    member: Member
    owner: Owner
    owner_id: int
    created_after: float | None = None
    created_before: float | None = None
    by_name: bool = False
    descending: bool = True
    limit: int = 10
    after: tuple[object, int] | None = None
    """Sort value and row id of the last one of the page before."""


_EXPERIMENT_OF = Prepared(select(trials.c.experiment).where(trials.c.trial == bindparam("of_trial")))
_ADD_TRIAL = Prepared(
    insert(trials).values({name: bindparam(name) for name in ("trial", "experiment", "trial_name", "trial_created")})
)
_REMOVE_TRIAL = Prepared(delete(trials).where(trials.c.trial == bindparam("of_trial")))
_ADD = Prepared(
    insert(components)
    .values({column.name: bindparam(column.name) for column in components.c})
    .on_conflict_do_nothing()
)
_REMOVE = Prepared(
    delete(components).where(
        components.c.trial == bindparam("of_trial"), components.c.component == bindparam("of_component")
    )
)
_PARENTS = Prepared(
    select(components.c.trial, components.c.experiment)
    .where(components.c.component == bindparam("of_component"))
    .order_by(components.c.trial_created, components.c.trial)
    .limit(bindparam("most"))
)
_HAS_TRIAL = Prepared(select(trials.c.trial).where(trials.c.experiment == bindparam("of_experiment")).limit(1))
_HAS_COMPONENT = Prepared(select(components.c.trial).where(components.c.trial == bindparam("of_trial")).limit(1))
_IN_TRIAL = Prepared(select(components.c.trial).where(components.c.component == bindparam("of_component")).limit(1))


def add_trial(transaction: Transaction, experiment: Resource, trial: Resource) -> None:
    """The trial is in that experiment from now on."""
    _ADD_TRIAL.run(
        transaction.connection,
        trial=trial.id,
        experiment=experiment.id,
        trial_name=trial.name,
        trial_created=trial.created,
    )


def remove_trial(transaction: Transaction, trial: Resource) -> None:
    """The trial is gone. It must have no components."""
    _REMOVE_TRIAL.run(transaction.connection, of_trial=trial.id)


def add(transaction: Transaction, trial: Resource, component: Resource) -> None:
    """The component is in the trial; nothing, if it was before."""
    experiment = _EXPERIMENT_OF.first(transaction.connection, of_trial=trial.id)
    assert experiment is not None, f"{trial.key} is in no experiment"
    _ADD.run(
        transaction.connection,
        trial=trial.id,
        component=component.id,
        experiment=experiment[0],
        component_name=component.name,
        component_created=component.created,
        trial_name=trial.name,
        trial_created=trial.created,
    )


def remove(transaction: Transaction, trial: Resource, component: Resource) -> bool:
    """The component is no longer in the trial; False, if it was not."""
    return _REMOVE.run(transaction.connection, of_trial=trial.id, of_component=component.id) > 0


def has_trials(connection: Connection, experiment: Resource) -> bool:
    """Whether the experiment has any trial."""
    return _HAS_TRIAL.first(connection, of_experiment=experiment.id) is not None


def has_components(connection: Connection, trial: Resource) -> bool:
    """Whether the trial has any component."""
    return _HAS_COMPONENT.first(connection, of_trial=trial.id) is not None


def is_in_trial(connection: Connection, component: Resource) -> bool:
    """Whether the component is in any trial."""
    return _IN_TRIAL.first(connection, of_component=component.id) is not None


def parents(connection: Connection, component: Resource, most: int = 100) -> list[tuple[int, int]]:
    """Row ids of (trial, experiment) that the component is in, the oldest trials first."""
    return [(row[0], row[1]) for row in _PARENTS.all(connection, of_component=component.id, most=most)]


def page(connection: Connection, listing: Listing) -> tuple[list[Resource], tuple[object, int] | None]:
    """One page of members, and where the next begins (None: this was the last)."""
    table = trials if (listing.member, listing.owner) == ("trial", "experiment") else components
    order = table.c[f"{listing.member}_{'name' if listing.by_name else 'created'}"]
    row_id = table.c[listing.member]
    conditions = [table.c[listing.owner] == listing.owner_id, *_created(table, listing)]
    if listing.after is not None:
        # a comparison of rows: SQLite begins to read where it is true, and nowhere before
        here, last = tuple_(order, row_id), tuple_(*listing.after)
        conditions.append(here < last if listing.descending else here > last)
    sorting = (order.desc(), row_id.desc()) if listing.descending else (order, row_id)
    # Distinct: a component may be in several trials of one experiment.
    query = select(order, row_id).distinct().where(*conditions).order_by(*sorting).limit(listing.limit + 1)
    rows = connection.execute(query).all()
    shown = [resources.find_id(connection, row[1]) for row in rows[: listing.limit]]
    found = [each for each in shown if each is not None]
    if len(rows) <= listing.limit:
        return found, None
    end = rows[listing.limit - 1]
    return found, (end[0], end[1])


def _created(table: Table, listing: Listing) -> list[ColumnElement[bool]]:
    column = table.c[f"{listing.member}_created"]
    wanted: list[ColumnElement[bool]] = []
    if listing.created_after is not None:
        wanted.append(column > listing.created_after)
    if listing.created_before is not None:
        wanted.append(column < listing.created_before)
    return wanted
