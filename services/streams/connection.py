"""How Kafka is reached: what each of the client libraries is told of the brokers in the settings."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

import faust
from aiokafka import AIOKafkaProducer
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    ProducerClosed,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from schemas.registry import LETTER_RECORD
from services.foundation.servers import Broker
from services.foundation.settings import Settings

MECHANISM = "SCRAM-SHA-512"
REQUEST = 30.0  # seconds after which a question that a broker has not answered counts as lost
WITHIN = 10.0  # seconds that a broker has for the first words
FAREWELL = 0.2  # seconds for the end of a connection
UNKNOWN_AUTHORITY = frozenset({18, 19, 20, 21})  # OpenSSL's numbers for certificates that nobody known vouches for


class BrokerTrouble(ConnectionError):
    """Kafka cannot be used as things are; the message says why and what would help."""


Record = tuple[bytes, bytes | None, list[tuple[str, bytes]]]
"""A record to send: its key, its value, its headers."""


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
        try:
            await producer.start()
        except (KafkaError, OSError) as wrong:
            await _spoken_with(broker, WITHIN)
            raise unreachable(broker, type(wrong).__name__) from wrong
        yield producer
    finally:
        # What is still under way would be tried again for as long as no broker takes it.
        producer._message_accumulator.fail_all(ProducerClosed())
        await producer.stop()


class Sender:
    """Sends records, each time until every replica in sync has all of them, with a producer that is made anew after a
    failure: one that failed with a batch leaves out the numbers of its records, and the brokers refuse whatever it
    sends after them.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stack = AsyncExitStack()
        self.producer: AIOKafkaProducer | None = None

    async def send(self, topic: str, records: Iterable[Record]) -> None:
        """Send in this order. Raises `BrokerTrouble`: some may have got through by then, and will be there twice."""
        try:
            async with asyncio.timeout(REQUEST):
                if self.producer is None:
                    self.producer = await self.stack.enter_async_context(producing(self.settings))
                producer: AIOKafkaProducer = self.producer
                sent = [await producer.send(topic, value, key=key, headers=headers) for key, value, headers in records]
                await asyncio.gather(*sent)
        except (KafkaError, TimeoutError) as wrong:
            await self.aclose()
            raise BrokerTrouble(f"Kafka did not take what was sent to {topic}: {type(wrong).__name__}") from wrong

    async def aclose(self) -> None:
        """Give up what is under way."""
        self.producer = None
        await self.stack.aclose()


def unreachable(broker: Broker, why: str) -> BrokerTrouble:
    """The words for brokers that cannot be used."""
    tls = "with TLS" if broker.tls == "required" else "without TLS"
    return BrokerTrouble(
        f"No Kafka broker can be reached at {', '.join(broker.servers)} ({tls}): {why}. Check it, and QUORATE_BROKER"
    )


def reachable(broker: Broker, within: float = WITHIN) -> list[str]:
    """Those servers of the settings with which a first few words can be exchanged, as host:port, and of which the
    cluster's brokers can be reached; raises `BrokerTrouble` with the reasons where there are none.

    The client libraries try for long, and say at the end that it took too long. It blocks: in a coroutine, call it in
    a thread.
    """
    with unheard("aiokafka", "asyncio"):
        return asyncio.run(_spoken_with(broker, within))


async def _spoken_with(broker: Broker, within: float) -> list[str]:
    named, wrong = await _first_words(broker, broker.servers, within)
    if not named:
        raise unreachable(broker, _told(wrong) if len(wrong) > 1 else wrong[broker.servers[0]])
    # From here on, clients go to the addresses that the brokers give for themselves.
    onward = {address for addresses in named.values() for address in addresses}
    if onward and onward.isdisjoint(named):
        reached, wrong = await _first_words(broker, onward, within)
        if not reached:
            raise unreachable(broker, f"it answers, and sends on to {_told(wrong)}")
    return list(named)


def _told(wrong: dict[str, str]) -> str:
    return "; ".join(f"{server}: {why}" for server, why in sorted(wrong.items()))


async def _first_words(
    broker: Broker, servers: Iterable[str], within: float
) -> tuple[dict[str, set[str]], dict[str, str]]:
    """The servers that answer, with the addresses that each gives for the cluster's brokers; and why others do not."""
    asked = list(dict.fromkeys(servers))
    answers = await asyncio.gather(*(_ask(broker, server, within) for server in asked), return_exceptions=True)
    named: dict[str, set[str]] = {}
    wrong: dict[str, str] = {}
    for server, answer in zip(asked, answers, strict=True):
        if isinstance(answer, set):
            named[server] = answer
        elif isinstance(answer, Exception):
            wrong[server] = _why(broker, answer, within)
        else:
            raise answer
    return named, wrong


async def _ask(broker: Broker, server: str, within: float) -> set[str]:
    """Greet a server, sign in where a user is named, and ask which brokers there are."""
    options = client_options(broker)
    del options["bootstrap_servers"]
    host, _, port = server.rpartition(":")
    connection = AIOKafkaConnection(host.strip("[]"), int(port), request_timeout_ms=int(within * 1000), **options)
    try:
        async with asyncio.timeout(within):
            await connection.connect()
            answer = await connection.send(MetadataRequest([]))
        return {f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for _, host, port, *_ in answer.brokers}
    finally:
        closed = connection.close()
        if closed is not None:
            await asyncio.wait([closed], timeout=FAREWELL)


def _why(broker: Broker, wrong: Exception, within: float) -> str:
    """Why nothing came of it, and what may help. Neither the user nor the password is told."""
    match wrong:
        case ssl.SSLCertVerificationError():
            return f"its certificate is refused: {wrong.verify_message.rstrip('.')}{_about_authorities(wrong)}"
        case ssl.SSLError() | ConnectionResetError() | ConnectionAbortedError() if broker.tls == "required":
            return "it does not speak TLS there, or not as is asked of it"
        case socket.gaierror():
            return "its name is not known"
        case ConnectionRefusedError():
            return "nothing listens there"
        case TimeoutError():
            return f"no answer came within {within:g} seconds"
        case SaslAuthenticationFailed():
            return "the user or the password is not right"
        case UnsupportedSaslMechanismError():
            return f"it signs nobody in by {MECHANISM}"
        case IllegalSaslStateError():
            return "it signs nobody in there, and a user is named"
        case KafkaConnectionError() if broker.tls == "none":
            return "it hung up without an answer, as one does that wants TLS there (tls=required)"
        case KafkaConnectionError() if broker.user is None:
            return "it hung up without an answer, as one does that wants a user and a password there"
        case OSError() if wrong.strerror:
            return wrong.strerror
    return type(wrong).__name__


def _about_authorities(wrong: ssl.SSLCertVerificationError) -> str:
    """What to do about a certificate that nobody known vouches for."""
    if wrong.verify_code not in UNKNOWN_AUTHORITY:
        return ""
    named = os.environ.get("SSL_CERT_FILE")
    if named and not os.access(named, os.R_OK):
        return f" (SSL_CERT_FILE names {named}, which cannot be read)"
    return " (name the file of the authority that vouches for it in SSL_CERT_FILE)"


@contextmanager
def unheard(*names: str) -> Iterator[None]:
    """Keep libraries' logs out: what matters of them is raised."""
    libraries = [logging.getLogger(name) for name in names]
    before = [library.level for library in libraries]
    for library in libraries:
        library.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for library, level in zip(libraries, before, strict=True):
            library.setLevel(level)
