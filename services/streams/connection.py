"""How Kafka is reached: what each of the client libraries is told of the brokers in the settings."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import faust
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.foundation.settings import Broker, Settings
from services.streams.rules import LETTER_RECORD

MECHANISM = "SCRAM-SHA-512"
REQUEST = 30.0  # seconds after which a question that a broker has not answered counts as lost


class BrokerTrouble(Exception):
    """Kafka cannot be used as things are; the message says why and what would help."""


def _tls(broker: Broker) -> ssl.SSLContext | None:
    return ssl.create_default_context() if broker.tls == "required" else None


def client_options(broker: Broker) -> dict[str, Any]:
    """What kafka-python and aiokafka are both told."""
    options: dict[str, Any] = {"bootstrap_servers": broker.servers, "ssl_context": _tls(broker)}
    if broker.user is not None:
        options |= {"sasl_mechanism": MECHANISM, "sasl_plain_username": broker.user}
        options["sasl_plain_password"] = broker.password
    kind = "SASL_" if broker.user is not None else ""
    return options | {"security_protocol": kind + ("SSL" if broker.tls == "required" else "PLAINTEXT")}


def faust_options(broker: Broker) -> dict[str, Any]:
    """What Faust is told."""
    options: dict[str, Any] = {"broker": ";".join(f"kafka://{server}" for server in broker.servers)}
    tls = _tls(broker)
    if broker.user is not None:
        options["broker_credentials"] = faust.SASLCredentials(
            username=broker.user, password=broker.password, mechanism=MECHANISM, ssl_context=tls
        )
    elif tls is not None:
        options["broker_credentials"] = faust.SSLCredentials(tls)
    return options


def the_broker(settings: Settings) -> Broker:
    """The brokers of the settings; raises `BrokerTrouble` where there are none."""
    if settings.kafka is None:
        raise BrokerTrouble("QUORATE_BROKER is not set: name the Kafka brokers, as kafka://host:port[,host:port]")
    return settings.kafka


@asynccontextmanager
async def producing(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    """A producer that keeps the order of records with one key, and answers once every replica in sync has a record.

    Raises `BrokerTrouble` where no broker can be reached.
    """
    broker = the_broker(settings)
    producer = AIOKafkaProducer(
        **client_options(broker),
        acks="all",
        enable_idempotence=True,
        linger_ms=2,
        request_timeout_ms=int(REQUEST * 1000),
        max_request_size=LETTER_RECORD,
    )
    try:
        await producer.start()
    except (KafkaError, OSError) as wrong:
        await producer.stop()
        raise unreachable(broker, wrong) from wrong
    try:
        yield producer
    finally:
        await producer.stop()


def unreachable(broker: Broker, why: Exception) -> BrokerTrouble:
    """The words for brokers that do not answer."""
    tls = "with TLS" if broker.tls == "required" else "without TLS"
    return BrokerTrouble(
        f"No Kafka broker can be reached at {', '.join(broker.servers)} ({tls}): {type(why).__name__}. "
        "Check that one runs there, and QUORATE_BROKER"
    )
