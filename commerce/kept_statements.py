"""Statements that are run again and again: compiled once, then handed to the driver as they are.

SQLAlchemy looks every statement up in its cache, makes an execution context, a result and its rows: more work than
the driver has with it. Here a statement of SQLAlchemy's is compiled once for each database, with the conversions of
its values and columns, and is run without any of that. What its columns hold does not change by it; a row is a named
tuple. Errors and lost connections are SQLAlchemy's own matter as before.
"""

from __future__ import annotations

import functools
import re
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Executable, Numeric, Table, bindparam, insert
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql.compiler import SQLCompiler

Convert = Callable[[Any], Any]
MOST_ROWS = 16
"""Rows of one INSERT that is kept: each number of rows is a statement of its own."""


class KeptStatement:
    """A statement as one database takes it, with a fixed set of parameters."""

    def __init__(self, compiled: SQLCompiler, names: Iterable[str], dialect: Dialect) -> None:
        self.sql = str(compiled)
        self.names = frozenset(names)
        self._order: Sequence[str] | None = compiled.positiontup
        given: dict[str, Convert] = {}
        self._fixed: dict[str, Any] = {}
        for parameter, name in compiled.bind_names.items():
            convert = parameter.type.dialect_impl(dialect).bind_processor(dialect)
            if name in self.names:
                if convert is not None:
                    given[name] = convert
            else:
                value = parameter.effective_value
                self._fix(name, value if convert is None else convert(value))
        self._given = list(given.items())
        columns = compiled._result_columns
        row: Any = namedtuple("Row", [each.keyname for each in columns], rename=True)  # type: ignore[misc]  # noqa: PYI024
        self._make_row: Callable[[Iterable[Any]], Any] = row._make
        found = [each.type.dialect_impl(dialect).result_processor(dialect, None) for each in columns]
        self._converted = [(place, convert) for place, convert in enumerate(found) if convert is not None]

    def _fix(self, name: str, value: Any) -> None:
        """Write a value that never changes into the statement, or else send it each time.

        PostgreSQL plans a statement once only if it does not expect to do better with the values known.
        """
        text = _written(value) if self._order is None else None
        if text is None:
            self._fixed[name] = value
        else:
            self.sql = self.sql.replace(f"%({name})s", text)

    def values(self, parameters: Mapping[str, Any]) -> Any:
        """Return parameters as the driver takes them."""
        values = {**self._fixed, **parameters}
        for name, convert in self._given:
            values[name] = convert(values[name])
        return values if self._order is None else [values[name] for name in self._order]

    def rows(self, found: Sequence[Sequence[Any]]) -> list[Any]:
        """Return the rows of a result as named tuples."""
        make_row = self._make_row
        if not self._converted:
            return [make_row(row) for row in found]
        rows = []
        for row in found:
            columns = list(row)
            for place, convert in self._converted:
                columns[place] = convert(columns[place])
            rows.append(make_row(columns))
        return rows

    def run(self, connection: Connection, parameters: Mapping[str, Any]) -> list[Any]:
        """Run the statement in the connection's transaction. Raises SQLAlchemy's errors."""
        values = self.values(parameters)
        driver: Any = connection.connection.driver_connection
        cursor = getattr(driver, "kept_cursor", driver)
        try:
            listeners = connection.dispatch.before_cursor_execute
            if listeners:
                listeners(connection, None, self.sql, values, None, False)  # noqa: FBT003
            return self.rows(cursor.execute(self.sql, values).fetchall())
        except BaseException as error:  # noqa: BLE001 - it raises what SQLAlchemy makes of it
            failed = self.sql if isinstance(error, connection.dialect.loaded_dbapi.Error) else None
            connection._handle_dbapi_exception(error, failed, values, None, None)


def _written(value: Any) -> str | None:
    """Return a number or a plain word as SQL, None for any other value."""
    if type(value) is int:
        return str(value) if value >= 0 else f"({value})"
    if isinstance(value, str) and _PLAIN_WORD.fullmatch(value):
        return f"'{value}'"
    return None


_PLAIN_WORD = re.compile(r"[A-Za-z0-9_ .:/-]*")

_kept: WeakKeyDictionary[Executable, dict[str, KeptStatement | None]] = WeakKeyDictionary()
"""Statement -> what it is for each database; None for one that is left to SQLAlchemy."""


def run_kept(connection: Connection, statement: Executable, parameters: Mapping[str, Any]) -> Sequence[Any]:
    """Run a statement and return its rows. One that is made for each use is left to SQLAlchemy, as are some others."""
    by_database = _kept.get(statement)
    if by_database is None:
        # Kept from its second use on: a statement that is never seen again is not worth it.
        _kept[statement] = {}
        return connection.execute(statement, parameters).all()
    dialect = connection.dialect
    if dialect.name not in by_database:
        by_database[dialect.name] = _compiled(statement, parameters, dialect)
    kept = by_database[dialect.name]
    if kept is None or parameters.keys() != kept.names or connection.invalidated:
        return connection.execute(statement, parameters).all()
    return kept.run(connection, parameters)


def _compiled(statement: Any, names: Iterable[str], dialect: Dialect) -> KeptStatement | None:
    compiled = statement.compile(dialect=dialect, column_keys=sorted(names))
    if (
        not isinstance(compiled, SQLCompiler)
        or compiled.post_compile_params
        or compiled.literal_execute_params
        or compiled.escaped_bind_names
        or compiled.insert_prefetch
        or compiled.update_prefetch
        or not set(names) <= set(compiled.bind_names.values())
        or any(isinstance(each.type, Numeric) for each in compiled._result_columns)
    ):
        # A list whose length is known only when it runs, a default of Python's, a type that depends on the result.
        return None
    return KeptStatement(compiled, names, dialect)


# --- INSERT -----------------------------------------------------------------------------------------

_inserts: dict[tuple[Table, tuple[str, ...], int, str], KeptStatement | None] = {}
"""Table, columns, number of rows, database -> statement: as many as the code has places that insert rows."""


def insert_kept(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Insert a few rows, all with the same columns, by one statement, and tell whether that was possible.

    Values that are left out and have a default in Python are filled in.
    """
    if len(rows) > MOST_ROWS or connection.invalidated:
        return False
    columns = tuple(rows[0])
    key = table, columns, len(rows), connection.dialect.name
    if key not in _inserts:
        _inserts[key] = _compiled_insert(table, columns, len(rows), connection.dialect)
    kept = _inserts[key]
    if kept is None:
        return False
    parameters: dict[str, Any] = {}
    for number, row in enumerate(rows):
        if row.keys() != rows[0].keys():
            raise ValueError(f"rows of {table.name} with different columns")
        for column in columns:
            parameters[f"r{number}_{column}"] = row[column]
        for column, default in _defaults(table, columns):
            parameters[f"r{number}_{column}"] = default(None)
    kept.run(connection, parameters)
    return True


def _compiled_insert(
    table: Table, columns: tuple[str, ...], count: int, dialect: Dialect
) -> KeptStatement | None:
    named = (*columns, *(name for name, _default in _defaults(table, columns)))
    values = [
        {name: bindparam(f"r{number}_{name}", type_=table.c[name].type) for name in named}
        for number in range(count)
    ]
    statement = insert(table).values(values).returning(next(iter(table.primary_key)))
    return _compiled(statement, [f"r{number}_{name}" for number in range(count) for name in named], dialect)


@functools.lru_cache(maxsize=512)
def _defaults(table: Table, columns: tuple[str, ...]) -> tuple[tuple[str, Convert], ...]:
    """Return the columns that are left out and have a default in Python, each with what makes its value."""
    found: list[tuple[str, Convert]] = []
    for column in table.columns:
        default: Any = column.default
        if column.key in columns or default is None:
            continue
        if default.is_callable:
            found.append((column.key, default.arg))
        elif default.is_scalar:
            found.append((column.key, functools.partial(_value, default.arg)))
    return tuple(found)


def _value(value: Any, _context: None) -> Any:
    return value
