"""At which addresses members of a child's family read what is written to them.

What is for an agency never goes there, and is not opened or answered from there, whoever else gave the same address.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy.ext.asyncio import AsyncConnection

from services.directory import store as directory
from services.directory.rules import Relative
from services.records.store import plans


async def family_addresses(db: AsyncConnection, child_ids: Iterable[str]) -> dict[str, frozenset[str]]:
    """What those gave as their own, in small letters, who belong to a child, to another of its family,
    or to the household of its plans; by child.
    """
    ids = set(child_ids)
    if not ids:
        return {}
    families = {each.child_id: each.family_id for each in (await directory.children_by_id(db, ids)).values()}
    named: dict[str, set[str]] = {}
    for told in await plans.told_of(db, ids):
        named.setdefault(told.child_id, set()).update(told.household)
    household: dict[str, set[str]] = {}
    for child in await directory.children_of_families(db, set(families.values())):
        household.setdefault(child.family_id, set()).add(child.child_id)
    near = {each: {each, *household.get(families.get(each, ""), ())} for each in ids}
    relatives = {
        each.person_id: each for each in await directory.relatives_of_children(db, set().union(*near.values()))
    }
    relatives |= await directory.relatives_by_id(db, set().union(*named.values()))
    return {each: given_by(relatives.values(), families.get(each), near[each], named.get(each, set())) for each in ids}


def given_by(
    relatives: Iterable[Relative], family_id: str | None, near: Collection[str], named: Collection[str]
) -> frozenset[str]:
    """The addresses, in small letters, of those among these relatives who are of a family, belong to one of the
    children in it (`near`), or are `named` as of the household.
    """
    return frozenset(
        each.email.lower()
        for each in relatives
        if each.email
        and (
            each.person_id in named
            or each.family_id == family_id
            or any(tie.child_id in near for tie in each.relationships)
        )
    )
