"""The mail that comes in: the process that reads it, and what a person does with it by hand."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.table import Table

from services.bootstrap import House
from services.cli.deadletters import user
from services.cli.files import named, opened
from services.cli.opening import AsOf, run
from services.cli.processes import keep, say
from services.cli.terminal import AsJson, fail, out, print_json, tell
from services.foundation.documents import Damaged
from services.foundation.settings import Settings
from services.post.inbox import store
from services.post.inbox.keep import Came
from services.post.inbox.mbox import NotMail, messages
from services.post.inbox.settle import ANSWERS, CONFIRMATIONS, CannotSettle, Given, again, settle
from services.post.inbox.show import Shown, show
from services.post.inbox.views import shown
from services.running.lifetime import keep_running
from services.running.mail_in import keeper_of, mail_in, sorter_of
from services.running.process import CannotStart

mailbox = typer.Typer(invoke_without_command=True, add_completion=False, rich_markup_mode=None)

MailId = Annotated[str, typer.Argument(metavar="ID", help="The message's name, or how it begins (8 letters or more).")]


@mailbox.callback()
def keep_reading(context: typer.Context) -> None:
    """Keep taking mail in: from the mailbox of QUORATE_IMAP, and over LMTP where QUORATE_LMTP_LISTEN says.

    Every message is kept before anything else happens to it; then it is told apart: an answer, a bounce, a report, or
    something that a person must look at. QUORATE_HEALTH_LISTEN is where the process answers /healthz, /readyz and
    /metrics. One such process is enough: another one on the same database stands by.
    """
    if context.invoked_subcommand is None:
        keep(go)


async def go(settings: Settings) -> None:
    """Run the process."""
    place = settings.imap_mailbox
    ways = [f"read from {place.host}:{place.port}"] if place else []
    ways += [f"taken over LMTP on {settings.lmtp_listen}"] if settings.lmtp_listen else []
    if not ways:
        raise CannotStart(
            "There is nowhere to take mail from: set QUORATE_IMAP (a mailbox) or QUORATE_LMTP_LISTEN (a mail server on "
            "this machine hands it over), or give messages by hand: quorate mailbox read FILE"
        )
    await keep_running(settings, mail_in, lambda health: say(f"Mail is {' and '.join(ways)}", health))


@mailbox.command("read")
def read_files(
    files: Annotated[list[str], typer.Argument(metavar="FILE…|-", help="Raw messages or mbox files; - is a pipe.")],
    recipient: Annotated[
        list[str] | None,
        typer.Option("--recipient", metavar="ADDRESS", help="Whom the envelope names, where a mail server gives it."),
    ] = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Take raw messages by hand, or from a mail server's pipe.

    The exit status is 0 once every message is kept and told apart, whatever it was found to be; 1 when one could not be
    kept: then the mail server is to try again. A message that was taken before is known, and does nothing. A file that
    begins with a From_ line is an mbox, and every message in it is taken.
    """

    async def do(house: House) -> dict[str, Any]:
        keeper = keeper_of(house)
        came: list[Came] = []
        fresh = 0
        for file in files:
            with opened(file) as source, told_of(file):
                for pieces in messages(source, whatever=file == "-"):
                    one = keeper.write(pieces, {"way": "file", "file": named(file)}, recipients=recipient or ())
                    fresh += await keeper.note([one])
                    came.append(one)
        await sorter_of(house).sort()
        async with house.database.read() as db:
            rows = [row for one in came for row in await store.by_beginning(db, one.document.document_id)]
        return {"taken": fresh, "known": len(came) - fresh, "messages": [shown(row) for row in rows]}

    try:
        told = run(do, as_of)
    except NotMail as wrong:
        fail(str(wrong), 2)
    except OSError as wrong:
        fail(f"The mail cannot be kept: {wrong.strerror}. Nothing was taken that is not said to be: do it again")
    if as_json:
        print_json(told)
        return
    for each in told["messages"]:
        out.print(f"{each['mail_id'][:12]}  {in_words(each)}", markup=False, soft_wrap=True)
    out.print(f"{told['taken']} taken, {told['known']} already known")


@contextmanager
def told_of(file: str) -> Iterator[None]:
    """What is not mail is said to be that file."""
    try:
        yield
    except NotMail as wrong:
        raise NotMail(f"{named(file)}: {wrong}") from None


def in_words(each: Mapping[str, Any]) -> str:
    """What became of a message, in a line."""
    kind = str(each.get("kind", "message")).replace("_", " ")
    if each["state"] == store.FOR_A_PERSON:
        return f"{kind}: waits for a person. {each['text']}"
    if each["state"] == store.SETTLED:
        return f"{kind}: settled by {each['settled_by']}"
    if each["state"] == store.KEPT:
        return "kept, and not told apart yet"
    if "copy_of" in each:
        return f"{kind}: a copy of {each['copy_of'][:12]}"
    return f"{kind}: {len(each.get('events', ()))} events" if each.get("events") else f"{kind}: nothing to do"


@mailbox.command("list")
def tabulate(
    every: Annotated[bool, typer.Option("--all", help="All mail, not only what waits for a person.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the messages that wait for a person, and why each does."""

    async def do(house: House) -> list[dict[str, Any]]:
        async with house.database.read() as db:
            return [shown(row) for row in await store.listed(db, None if every else {store.FOR_A_PERSON})]

    found = run(do)
    if as_json:
        print_json(found)
        return
    table = Table(title=f"{len(found)} messages" + ("" if every else " that wait for a person"))
    for column in ("id", "received", "meeting", "what became of it"):
        table.add_column(column, overflow="fold")
    for each in found:
        table.add_row(each["mail_id"][:12], each["received_at"][:16], each.get("meeting_id", ""), in_words(each))
    out.print(table, markup=False)


@mailbox.command("show")
def show_message(
    mail_id: MailId,
    raw: Annotated[bool, typer.Option("--raw", help="The whole message as it came, to standard output.")] = False,
    attachment: Annotated[
        int | None, typer.Option("--attachment", metavar="N", min=1, help="That file of it, to standard output.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show one message as plain text, and what is known of it; or a file of it, or the whole as it came."""

    async def do(house: House) -> tuple[dict[str, Any], Shown | None]:
        row = await the_one(house, mail_id)
        documents = keeper_of(house).documents
        try:
            if raw:
                for piece in documents.pieces(row["mail_id"]):
                    sys.stdout.buffer.write(piece)
                return shown(row), None
            return shown(row), show(documents, row)
        except (FileNotFoundError, Damaged):
            fail(f"message {row['mail_id'][:12]} is not among the documents any more, or is damaged")

    known, found = run(do)
    if found is None:
        return
    if attachment is not None:
        if attachment > len(found.attachments):
            fail(f"message {known['mail_id'][:12]} has {len(found.attachments)} files", 2)
        sys.stdout.buffer.write(found.attachments[attachment - 1].content)
        return
    files = [{"number": n, "name": each.name, "size": len(each.content)} for n, each in enumerate(found.attachments, 1)]
    if as_json:
        print_json(known | {"headers": dict(found.headers), "message": found.text, "attachments": files})
        return
    tell(f"Message {known['mail_id'][:12]}, received {known['received_at'][:16]}, {in_words(known)}")
    for name, value in found.headers:
        out.print(f"{name}: {value}", markup=False, soft_wrap=True)
    out.print()
    out.print(found.text, markup=False, soft_wrap=True)
    for each in files:
        out.print(f"[file {each['number']}] {each['name']} ({each['size']:,} bytes)", markup=False, soft_wrap=True)


async def the_one(house: House, mail_id: str) -> Mapping[Any, Any]:
    """The message that a name, or its beginning, is meant for."""
    name = mail_id.lower()
    if len(name) < 8 or set(name) - set("0123456789abcdef"):
        fail(f"{mail_id}: give at least 8 of the letters that quorate mailbox list shows", 2)
    async with house.database.read() as db:
        rows = await store.by_beginning(db, name)
    if not rows:
        fail(f"there is no message {mail_id}")
    if len(rows) > 1:
        fail(f"{mail_id} is how several messages begin: give more of it", 2)
    return rows[0]


@mailbox.command("settle")
def settle_message(
    mail_id: MailId,
    answer: Annotated[
        str | None, typer.Option("--answer", metavar="ANSWER", help=f"What they answered: {', '.join(ANSWERS)}.")
    ] = None,
    confirmed: Annotated[
        str | None,
        typer.Option("--confirmed", metavar="WHAT", help=f"What they did with a copy: {', '.join(CONFIRMATIONS)}."),
    ] = None,
    nothing: Annotated[bool, typer.Option("--nothing-to-do", help="Nothing follows from it.")] = False,
    once_more: Annotated[
        bool, typer.Option("--again", help="The fault was Quorate's, and is put right: tell it apart once more.")
    ] = False,
    invitation: Annotated[
        str | None,
        typer.Option("--invitation", metavar="UID", help="Whose answer it is, where the message does not show it."),
    ] = None,
    note: Annotated[str | None, typer.Option("--note", metavar="TEXT", help="What they said, or why.")] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who answered, as they sign.")] = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Settle a message that waits for a person: enter the answer that it holds, or say that nothing follows from it.

    An answer has the same effect as one that the party gave itself, and the journal says who entered it; so has what
    somebody says to have done with a copy or a notice. What it is about is shown by the message; else name the
    invitation (quorate explain shows each uid). With --again a message that waits for a fault of Quorate's, or whose
    file was away, is told apart as if it had just come.
    """
    if (answer is not None) + (confirmed is not None) + nothing + once_more != 1:
        fail("give either --answer or --confirmed or --nothing-to-do or --again", 2)
    if confirmed is not None and confirmed not in CONFIRMATIONS:
        fail(f"--confirmed {confirmed}: write one of {', '.join(CONFIRMATIONS)}", 2)
    if answer is not None and answer not in ANSWERS:
        fail(f"--answer {answer}: write one of {', '.join(ANSWERS)}", 2)

    async def do(house: House) -> dict[str, Any]:
        row = await the_one(house, mail_id)
        if once_more:
            await again(house.intake, row)
            await sorter_of(house).sort()
            return shown(await the_one(house, row["mail_id"]))
        given = Given(user(), answer, invitation, note, by, confirmed)
        return shown(await settle(house.intake, row, given))

    try:
        done = run(do, as_of)
    except CannotSettle as wrong:
        fail(str(wrong))
    if as_json:
        print_json(done)
    elif once_more:
        out.print(f"{done['mail_id'][:12]}  {in_words(done)}", markup=False, soft_wrap=True)
    else:
        out.print(f"message {done['mail_id'][:12]} is settled by {done['settled_by']}", markup=False)
