"""Statements over many rows at once: on SQLite and PostgreSQL they mean the same, and on each have the form that is
quick there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    Integer,
    LargeBinary,
    String,
    Table,
    Update,
    any_,
    bindparam,
    func,
    insert,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.database import Instant, as_json

T = TypeVar("T")

IN_A_STATEMENT = 5_000  # values in one IN list: under SQLite's 32,766 and asyncpg's 32,767 parameters


def among(db: AsyncConnection, column: ColumnElement[Any], values: Collection[Any]) -> ColumnElement[bool]:
    """Whether a column holds one of these values.

    On PostgreSQL they are one parameter: the statement is the same for one value and for a thousand, and so is prepared
    once.
    """
    if db.dialect.name == "sqlite":
        return column.in_(values)
    # Without a length: a cast to one would cut off what is too long.
    kind = String() if isinstance(column.type, String) else column.type
    return column == any_(bindparam(None, list(values), type_=ARRAY(kind)))


def among_given(dialect: str, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """The same for a statement that is put together once: its values come under this name whenever it is run."""
    if dialect == "sqlite":
        return column.in_(bindparam(name, expanding=True))
    kind = String() if isinstance(column.type, String) else column.type
    return column == any_(bindparam(name, type_=ARRAY(kind)))


async def add(db: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write new rows, which all have the same columns, in their order.

    On PostgreSQL each column is one parameter: a row costs the server and the driver a fraction of what a statement
    of its own does.
    """
    if not rows:
        return
    if db.dialect.name == "sqlite":
        await db.execute(insert(table), rows)
        return
    names = tuple(rows[0])
    await db.exec_driver_sql(_adding(table, names), tuple(_columns(table, names, rows)))


async def change(
    db: AsyncConnection, table: Table, keys: Sequence[str], rows: Sequence[Mapping[str, Any]], *, fill: str = ""
) -> None:
    """Set columns of the rows that `keys` name, each row to values of its own; all have the same columns.

    The column `fill` keeps what it holds where it holds something. Of rows with a history only those change that count
    now, unless one is named by its version.
    """
    if not rows:
        return
    names = tuple(rows[0])
    if db.dialect.name == "sqlite":
        given = [{f"new_{name}": row[name] for name in names} for row in rows]
        await db.execute(_changing_one(table, tuple(keys), names, fill), given)
        return
    await db.exec_driver_sql(_changing(table, tuple(keys), names, fill), tuple(_columns(table, names, rows)))


def _columns(table: Table, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Iterator[list[Any]]:
    for name in names:
        values = [row[name] for row in rows]
        yield [as_json(value) for value in values] if isinstance(table.c[name].type, JSON) else values


# Without a length: a cast to one would cut off what is too long, where the column itself refuses it.
_ARRAYS = {
    JSON: "json",
    Instant: "timestamptz",
    Date: "date",
    BigInteger: "int8",
    Integer: "int4",
    Boolean: "bool",
    LargeBinary: "bytea",
}


def _arrays(table: Table, names: Sequence[str]) -> str:
    kinds = (
        next((kind for of, kind in _ARRAYS.items() if isinstance(table.c[name].type, of)), "text") for name in names
    )
    return ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(kinds, 1))


@lru_cache(None)
def _adding(table: Table, names: tuple[str, ...]) -> str:
    columns = ", ".join(f'"{name}"' for name in names)
    given = f"unnest({_arrays(table, names)}) WITH ORDINALITY AS given ({columns}, number_given)"
    return f'INSERT INTO "{table.name}" ({columns}) SELECT {columns} FROM {given} ORDER BY number_given'  # noqa: S608  # ours


@lru_cache(None)
def _changing(table: Table, keys: tuple[str, ...], names: tuple[str, ...], fill: str) -> str:
    columns = ", ".join(f'"{name}"' for name in names)
    values = {name: f'coalesce(old."{name}", given."{name}")' if name == fill else f'given."{name}"' for name in names}
    changes = ", ".join(f'"{name}" = {value}' for name, value in values.items() if name not in keys)
    which = " AND ".join(f'old."{key}" = given."{key}"' for key in keys)
    if _counts(table, keys):
        which += " AND old.known_until IS NULL"
    given = f"unnest({_arrays(table, names)}) AS given ({columns})"
    return f'UPDATE "{table.name}" AS old SET {changes} FROM {given} WHERE {which}'  # noqa: S608  # names of ours


@lru_cache(None)
def _changing_one(table: Table, keys: tuple[str, ...], names: tuple[str, ...], fill: str) -> Update:
    given = {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in names}
    values = {name: func.coalesce(table.c[name], given[name]) if name == fill else given[name] for name in names}
    which = [table.c[key] == given[key] for key in keys]
    if _counts(table, keys):
        which.append(table.c.known_until.is_(None))
    return update(table).where(*which).values({name: value for name, value in values.items() if name not in keys})


def _counts(table: Table, keys: Sequence[str]) -> bool:
    return "known_until" in table.c and "version" not in keys


def grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Second values by first value: for a list of pairs SQLite reads the whole table, for one first value an index."""
    found: dict[str, list[str]] = {}
    for first, second in dict.fromkeys(pairs):
        found.setdefault(first, []).append(second)
    return found


def chunks(values: Iterable[T], size: int = IN_A_STATEMENT) -> Iterator[list[T]]:
    """The values in lists that fit one statement."""
    every = list(values)
    for start in range(0, len(every), size):
        yield every[start : start + size]
