"""What a kind of change says about itself, whatever it changes; and the kind that changes one row after the other."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

from sqlalchemy import bindparam, func, select, update

from commerce.bulk.models import BulkRow
from commerce.bulk.outcomes import Line, Outcome, note
from commerce.db import current_tenant_id, db, execute_many
from commerce.errors import CommerceError, Conflict, NotFound, Refusal, Rejected, StaleVersion
from commerce.events.outbox import Actor

Parameters = Mapping[str, Any]
BATCH = 1000


class Chosen(NamedTuple):
    """A row of a plan before it is changed. `details` is what was given for this row alone, such as by a file."""

    id: uuid.UUID
    details: Parameters


class Named(NamedTuple):
    """What a row is called, and the code that its page has in an address; both empty when it is gone."""

    title: str = ""
    code: str = ""


class BulkChange(ABC):
    """A kind of change of many rows. Preview, run and undo of a plan all ask it.

    `permission` is needed to plan and start it, `view` to look at its plans. Rows of `model` have an id and a version.
    `chunk` is how many rows are changed in a transaction, `most` how many a plan may have. Unless it is `undoable`
    nothing takes it back.
    """

    permission: ClassVar[str]
    view: ClassVar[str]
    model: ClassVar[Any]
    undoable: ClassVar[bool] = True
    chunk: ClassVar[int] = 200
    most: ClassVar[int] = 200_000

    @abstractmethod
    def checked(self, given: Parameters) -> dict[str, Any]:
        """Return the parameters as they are stored. Raises InvalidValue."""

    def note_versions(self, plan_id: uuid.UUID) -> None:
        """Note of every row of a plan which version its preview is about. A step."""
        seen = (
            select(self.model.version)
            .where(self.model.tenant_id == BulkRow.tenant_id, self.model.id == BulkRow.subject_id)
            .scalar_subquery()
        )
        db.session.execute(
            update(BulkRow)
            .where(BulkRow.plan_id == plan_id)
            .values(subject_version=func.coalesce(seen, 0))
            .execution_options(synchronize_session=False)
        )

    @abstractmethod
    def outcomes(self, rows: Sequence[Chosen], parameters: Parameters) -> Iterator[Outcome]:
        """Yield what would become of rows, in their order. A step."""

    @abstractmethod
    def apply(self, rows: Sequence[BulkRow], parameters: Parameters, actor: Actor) -> None:
        """Change the rows that are as the preview saw them, and write down what came of each. A step."""

    @abstractmethod
    def undo(self, rows: Sequence[BulkRow], actor: Actor) -> None:
        """Restore the rows that nobody has changed since, and write down what came of each. A step."""

    @abstractmethod
    def named(self, ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Named]:
        """Return what those of the rows that are still there are called."""


class Known(Protocol):
    """What a change must know of a row at least."""

    @property
    def name(self) -> str:
        """What it is called in a preview."""

    @property
    def version(self) -> int:
        """What counts up whenever somebody changes it."""


State = TypeVar("State", bound=Known)
Target = TypeVar("Target")


class ChangeOneByOne(BulkChange, Generic[State, Target]):
    """A change that goes through a service for each row, such as orders and stock. A refusal undoes its row alone."""

    entity: ClassVar[str]
    """What a row is called when somebody else has changed it."""
    chunk: ClassVar[int] = 50

    @abstractmethod
    def load(self, ids: Collection[uuid.UUID], *, lock: bool) -> Mapping[uuid.UUID, State]:
        """Return those of the rows that exist, by id. `lock`: they stay as they are until the step's end."""

    @abstractmethod
    def target(self, state: State, parameters: Parameters, details: Parameters) -> Target | None:
        """Return what becomes of a row, None when it is so already. Raises CommerceError when it cannot be."""

    def note_states(self, plan_id: uuid.UUID) -> None:
        """Note of every row of a plan the version that its state has here, where the model's own says too little."""
        table: Any = BulkRow.__table__
        ids = db.session.scalars(select(BulkRow.subject_id).where(BulkRow.plan_id == plan_id)).all()
        statement = (
            update(table)
            .where(
                table.c.tenant_id == current_tenant_id(),
                table.c.plan_id == plan_id,
                table.c.subject_id == bindparam("b_id"),
            )
            .values(subject_version=bindparam("b_version"))
        )
        for start in range(0, len(ids), BATCH):
            states = self.load(ids[start : start + BATCH], lock=False)
            execute_many(
                statement, [{"b_id": key, "b_version": state.version} for key, state in states.items()]
            )

    @abstractmethod
    def lines(self, state: State, target: Target) -> list[Line]:
        """Return what changes, for the sample of a preview."""

    def figures(self, state: State, target: Target) -> dict[str, int]:
        """Return numbers that a preview adds up."""
        del state, target
        return {}

    @abstractmethod
    def write(self, row: BulkRow, state: State, target: Target, actor: Actor) -> None:
        """Do it, and keep in the row what an undo needs: `before` and `after_version`. Raises CommerceError."""

    def restore(self, row: BulkRow, state: State, actor: Actor) -> None:
        """Take it back. Raises CommerceError when that is not possible any more, or never is."""
        del row, state, actor
        raise Conflict("plan_not_undoable")

    def is_untouched(self, row: BulkRow, state: State) -> bool:
        """Tell whether nobody has changed a row since the plan did."""
        return bool(state.version == row.after_version)

    def outcomes(self, rows: Sequence[Chosen], parameters: Parameters) -> Iterator[Outcome]:
        """Yield what would become of rows, in their order. A step."""
        states = self.load([row.id for row in rows], lock=False)
        for row in rows:
            state = states.get(row.id)
            if state is None:
                yield Outcome(error=self.gone())
                continue
            try:
                target = self.target(state, parameters, row.details)
            except CommerceError as error:
                yield Outcome(state.name, error=error)
                continue
            if target is None:
                yield Outcome(state.name)
            else:
                yield Outcome(state.name, self.lines(state, target), figures=self.figures(state, target))

    def apply(self, rows: Sequence[BulkRow], parameters: Parameters, actor: Actor) -> None:
        """Change the rows that are as the preview saw them. A step."""
        states = self.load([row.subject_id for row in rows], lock=True)
        for row in rows:
            state = states.get(row.subject_id)
            if state is None:
                note(row, "conflict", self.gone())
            elif state.version != row.subject_version:
                note(row, "conflict", StaleVersion(self.entity, row.subject_version, state.version))
            else:
                self._apply_one(row, state, parameters, actor)

    def _apply_one(self, row: BulkRow, state: State, parameters: Parameters, actor: Actor) -> None:
        try:
            target = self.target(state, parameters, row.details or {})
            if target is None:
                row.status = "unchanged"
                return
            with db.session.begin_nested():
                self.write(row, state, target, actor)
        except CommerceError as error:
            note(row, "failed", error)
        else:
            row.status = "done"

    def undo(self, rows: Sequence[BulkRow], actor: Actor) -> None:
        """Restore the rows that nobody has changed since. A step."""
        states = self.load([row.subject_id for row in rows], lock=True)
        for row in rows:
            state = states.get(row.subject_id)
            if state is None:
                note(row, "kept", self.gone())
            elif not self.is_untouched(row, state):
                note(row, "kept", StaleVersion(self.entity, row.after_version or 0, state.version))
            else:
                self._undo_one(row, state, actor)

    def _undo_one(self, row: BulkRow, state: State, actor: Actor) -> None:
        try:
            with db.session.begin_nested():
                self.restore(row, state, actor)
        except CommerceError as error:
            note(row, "kept", error)
        else:
            row.status = "undone"

    @abstractmethod
    def gone(self) -> NotFound:
        """Return the error of a row that is not there any more."""


def refused(refusal: Refusal) -> Rejected:
    """Return a reason why not as the error that a target raises."""
    return Rejected(refusal.reason, **refusal.facts)
