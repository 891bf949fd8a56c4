"""The schema goes up and down on both stores, and is the one that the code works with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from services.bootstrap import migrate, open_house
from services.foundation.database import Database, metadata
from services.foundation.schema import downgrade, newest_revision, upgrade
from services.foundation.settings import Settings
from services.foundation.trouble import DatabaseTrouble
from tests.integration.foundation.command import quorate

MakeSettings = Callable[..., Awaitable[Settings]]


async def on(settings: Settings, what: Callable[[Connection], Any]) -> Any:
    """Do something with the database in one transaction."""
    database = Database(settings.database_url)
    try:
        async with database.write() as connection:
            return await connection.run_sync(what)
    finally:
        await database.close()


async def stamp(settings: Settings, revision: str) -> None:
    await on(settings, lambda c: c.execute(text("UPDATE alembic_version SET version_num = :to"), {"to": revision}))


async def test_up_and_down_and_up_again(make_settings: MakeSettings) -> None:
    settings = await make_settings(migrated=False)

    def tables(connection: Connection) -> set[str]:
        return set(inspect(connection).get_table_names()) - {"alembic_version"}

    assert "up to date" not in await migrate(settings)
    assert await on(settings, tables) == set(metadata.tables)
    await on(settings, lambda connection: downgrade(connection, "base"))
    assert await on(settings, tables) == set()
    await migrate(settings)
    assert await on(settings, tables) == set(metadata.tables)


async def test_each_step_can_be_undone_alone(make_settings: MakeSettings) -> None:
    settings = await make_settings()

    def revision(connection: Connection) -> str | None:
        return MigrationContext.configure(connection).get_current_revision()

    while (found := await on(settings, revision)) is not None:
        await on(settings, lambda connection: downgrade(connection, "-1"))
        assert await on(settings, revision) != found
    await on(settings, lambda connection: upgrade(connection))
    assert await on(settings, revision) == newest_revision()


async def test_the_tables_of_the_code_are_the_tables_of_the_migrations(settings: Settings) -> None:
    def differences(connection: Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    assert await on(settings, differences) == []


async def test_every_key_constraint_and_index_has_a_name(settings: Settings) -> None:
    def names(connection: Connection) -> dict[str, list[str | None]]:
        found = inspect(connection)
        return {
            table: [
                found.get_pk_constraint(table)["name"],
                *(each["name"] for each in found.get_unique_constraints(table)),
                *(each["name"] for each in found.get_foreign_keys(table)),
                *(each["name"] for each in found.get_check_constraints(table)),
                *(each["name"] for each in found.get_indexes(table)),
            ]
            for table in metadata.tables
        }

    for table, every in (await on(settings, names)).items():
        assert all(name is not None and table in name for name in every), (table, every)


async def test_two_processes_that_migrate_at_once_do_it_once(make_settings: MakeSettings) -> None:
    settings = await make_settings(migrated=False)
    results = await asyncio.gather(*(quorate(settings, "migrate") for _ in range(3)))
    assert [(status, err) for status, _, err in results] == [(0, "")] * 3
    assert ["given its tables" in out for _, out, _ in results].count(True) == 1
    assert "up to date" in (await quorate(settings, "migrate"))[1]


async def test_a_database_that_is_newer_than_the_code_is_left_alone(settings: Settings) -> None:
    await stamp(settings, "9999")
    status, out, err = await quorate(settings, "exceptions")
    assert (status, out) == (1, "")
    assert "was made by a newer Quorate" in err
    assert "9999" in err
    assert newest_revision() in err
    assert len(err.splitlines()) == 1
    assert (await quorate(settings, "migrate"))[::2] == (1, err)


@pytest.mark.postgres
@pytest.mark.parametrize("store", ["postgresql"])
async def test_a_shared_database_is_migrated_by_a_person_and_by_no_process_that_happens_to_start(
    make_settings: MakeSettings,
) -> None:
    settings = await make_settings(migrated=False)
    status, out, err = await quorate(settings, "exceptions")
    assert (status, out) == (1, "")
    assert "has no tables of Quorate yet. Run: quorate migrate" in err
    assert len(err.splitlines()) == 1
    await migrate(settings)
    await stamp(settings, "0001")
    with pytest.raises(DatabaseTrouble, match=r"stands at schema 0001; .* Run: quorate migrate"):
        async with open_house(settings):
            pass


@pytest.mark.parametrize("store", ["sqlite"])
async def test_the_embedded_database_is_migrated_by_itself(make_settings: MakeSettings) -> None:
    settings = await make_settings(migrated=False)
    assert await quorate(settings, "exceptions", "--json") == (0, "[]\n", "")
