"""The journal refuses to be changed; where it ends is noted from the start.

A migration that copies the table (SQLite's batch mode) must make the triggers again.

Revision: 0002, after 0001
"""

from __future__ import annotations

import hashlib

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

REFUSAL = "the journal is only ever added to"


def upgrade() -> None:
    # One row, there from the first day: whoever takes events in holds it until the commit, one after another.
    start = hashlib.sha256(b"quorate journal 1").hexdigest()
    op.execute(
        f"INSERT INTO journal_end (\"only\", seq, hash) SELECT 1, 0, '{start}' "  # noqa: S608 - a constant
        "WHERE NOT EXISTS (SELECT 1 FROM journal_end)"
    )
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER journal_refuses_{verb} BEFORE {verb.upper()} ON journal "
                f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
            )
    else:
        op.execute(
            "CREATE FUNCTION journal_refuses() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'restrict_violation'; END $$"
        )
        op.execute(
            "CREATE TRIGGER journal_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON journal "
            "FOR EACH STATEMENT EXECUTE FUNCTION journal_refuses()"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER journal_refuses_update")
        op.execute("DROP TRIGGER journal_refuses_delete")
    else:
        op.execute("DROP TRIGGER journal_refuses_change ON journal")
        op.execute("DROP FUNCTION journal_refuses()")
    op.execute("DELETE FROM journal_end WHERE seq = 0")
