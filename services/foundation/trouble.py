"""What goes wrong with a database, in the words of the person who runs Quorate."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError


class DatabaseTrouble(Exception):
    """The database cannot be used as things are; the message is one line that says why and what would help.

    One that `passes` may be over by itself in a moment: the server restarts, the connection broke, another process was
    in the way. Whoever does the same again then succeeds, and does no harm: even where the answer to the commit was
    what got lost, what is done already is known the second time.
    """

    def __init__(self, message: str, *, passes: bool = False) -> None:
        super().__init__(message)
        self.passes = passes


class Broken(Exception):
    """The connection broke while it was in use."""


# The beginning of SQLite's name for an error → what it means to the person who runs Quorate.
_SQLITE_SAYS = {
    "SQLITE_FULL": "the disk is full. Nothing of this step was kept; make room and do it again",
    "SQLITE_IOERR": "the disk could not be read or written. Check the disk, then do it again",
    "SQLITE_READONLY": "it may not be written to. Give this user the right to write to the file and to its folder",
    "SQLITE_CANTOPEN": "it cannot be opened. Check that its folder is there, and that this user may read and write it",
    "SQLITE_PERM": "it may not be opened. Give this user the right to read and write it",
    "SQLITE_NOTADB": "it is not a database. Put the last good copy in its place, or name another file",
    "SQLITE_CORRUPT": "it is damaged. Put the last good copy in its place",
    "SQLITE_BUSY": "another process has kept it busy for too long. Do it again when that one is done",
}

# The beginning of PostgreSQL's code for an error → the same.
_POSTGRES_SAYS = {
    "53100": "its disk is full. Nothing of this step was kept; make room and do it again",
    "53300": "it has no connection left. Allow it more, or run fewer processes",
    "57P": "it is stopping or starting. Do it again in a moment",
    "57014": "a query took longer than QUORATE_STATEMENT_TIMEOUT allows. Do it again, or allow more",
    "55P03": "another process has kept it busy for longer than QUORATE_LOCK_TIMEOUT. Do it again when that one is done",
    "40": "two processes got into each other's way. Nothing of this step was kept; do it again",
    "25006": "it may not be written to. Name the primary server in QUORATE_DATABASE",
    "28": "it does not let this user in. Check the user and the password in QUORATE_DATABASE",
    "3D000": "there is no database of this name. Create it, then run: quorate migrate",
    "42501": "this user may not do that there. Give it the right to use the tables, or name another user",
    "25P03": "this process took too long in the middle of a step. Nothing of this step was kept; do it again",
    "08": "the connection broke. Do it again: what was kept has no second effect",
}

# What is over by itself, by the beginning of either's code.
PASSES = ("SQLITE_BUSY", "08", "25P03", "40", "53300", "55P03", "57P")


def meaning_of(error: DBAPIError | sqlite3.Error | Broken) -> tuple[str, str | None]:
    """The code of an error, and what it means to the person who runs Quorate; None where that person can do nothing
    about it.
    """
    original = error.orig if isinstance(error, DBAPIError) else error
    for attribute, meanings in (("sqlite_errorname", _SQLITE_SAYS), ("sqlstate", _POSTGRES_SAYS)):
        code = str(getattr(original, attribute, ""))
        for beginning, meaning in meanings.items():
            if code.startswith(beginning):
                return code, meaning
    if isinstance(error, Broken) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return "08", _POSTGRES_SAYS["08"]
    return "", None
