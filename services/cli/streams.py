"""Kafka's topics, as far as an operator has to do with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, TypeVar

import typer
from rich import box
from rich.table import Table

from services.cli.terminal import AsJson, fail, out, print_json, tell
from services.foundation import logs
from services.foundation.settings import Settings, WrongSettings, load_settings
from services.streams import topics as on_the_broker
from services.streams.connection import BrokerTrouble
from services.streams.rules import Lag, total

T = TypeVar("T")

topics = typer.Typer(
    help="The topics on Kafka: make them, and see how much waits on them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@topics.callback()
def _topics() -> None:
    """The topics on Kafka: make them, and see how much waits on them."""


def asked(what: Callable[[Settings], T]) -> tuple[Settings, T]:
    """What the brokers of the settings answer, with the settings; where they cannot be asked, say why."""
    try:
        settings = load_settings()
        logs.configure(settings.log_level)
        return settings, what(settings)
    except (BrokerTrouble, WrongSettings) as wrong:
        fail(str(wrong))


@topics.command("ensure")
def ensure_topics(as_json: AsJson = False) -> None:
    """Make the topics that are missing, and say where those that are there differ from what is declared.

    What exists is never changed, since partitions, copies and retention decide over order and loss: each difference is
    named with what was found, what is declared, and what to do, and the exit status is 1. The declaration follows
    QUORATE_TOPIC_PREFIX, QUORATE_TOPIC_PARTITIONS, QUORATE_TOPIC_REPLICATION and QUORATE_TOPIC_RETENTION_DAYS.
    """
    _, done = asked(on_the_broker.ensure)
    if as_json:
        fields = ("topic", "what", "found", "declared", "advice")
        differences = [{name: getattr(each, name) for name in fields} for each in done.differences]
        print_json({"made": done.made, "kept": done.kept, "differences": differences})
    else:
        for name in done.made:
            out.print(f"made {name}", markup=False, soft_wrap=True)
        for each in done.differences:
            tell(f"{each.topic}: {each.what} is {each.found}, declared {each.declared}: {each.advice}")
        differing = len({each.topic for each in done.differences})
        out.print(f"{len(done.made)} made, {len(done.kept)} there as declared, {differing} not as declared")
    if done.differences:
        raise typer.Exit(1)


@topics.command("lag")
def show_lag(as_json: AsJson = False) -> None:
    """Show how many records wait for the workers, on each partition.

    Records that Kafka deleted before the workers took them are counted as gone, and told of on standard error: those
    who sent them can send them again, since what was taken already has no second effect.
    """
    settings, found = asked(on_the_broker.lag)
    waiting, gone = total(found)
    if as_json:
        print_json({"group": settings.group, "lag": waiting, "gone": gone, "topics": by_topic(found)})
    else:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("topic", overflow="fold")
        for column in ("partition", "committed", "end", "lag", "gone"):
            table.add_column(column, justify="right", no_wrap=True)
        for each in found:
            if each.end:
                committed = "none" if each.committed is None else str(each.committed)
                table.add_row(each.topic, *map(str, (each.partition, committed, each.end, each.lag, each.gone)))
        if table.row_count:
            out.print(table, markup=False)
        out.print(f"group {settings.group}: {waiting:,} waiting, {gone:,} gone", markup=False)
    if gone:
        tell(
            f"{gone:,} records were deleted before they were taken: Kafka keeps them for "
            f"{settings.topic_retention_days} days (QUORATE_TOPIC_RETENTION_DAYS). Have them sent again: what is known "
            "has no second effect"
        )


def by_topic(found: Sequence[Lag]) -> list[dict[str, Any]]:
    """The lag of each topic and of its partitions."""
    told = []
    for topic, group in groupby(found, key=lambda each: each.topic):
        partitions = list(group)
        waiting, gone = total(partitions)
        rows = [
            {name: getattr(each, name) for name in ("partition", "committed", "first", "end", "lag", "gone")}
            for each in partitions
        ]
        told.append({"topic": topic, "lag": waiting, "gone": gone, "partitions": rows})
    return told
