"""Alembic's way in: on the connection that it is handed."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from services.foundation.database import Instant, RowNumber, metadata


def written(kind: str, thing: Any, autogenerate: AutogenContext) -> str | Literal[False]:
    """How a column type of our own is written in a migration."""
    own = "Instant()" if isinstance(thing, Instant) else "RowNumber" if thing is RowNumber else None
    if kind != "type" or own is None:
        return False
    autogenerate.imports.add(f"from services.foundation.database import {own.removesuffix('()')}")
    return own


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    render_item=written,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
