"""Where the servers are that Quorate speaks to, and how: each is one setting, written as a URL.

What is said to a server that is not on this machine goes over TLS. A URL that cannot be used raises `ValueError`, which
says how to write it.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s,/@\[\]:]+):[0-9]{1,5}")


class SmtpServer:
    """Where outgoing mail goes: `smtp://[user:password@]host:port?tls=required|starttls|none`.

    `required` is TLS from the first byte, `starttls` upgrades before anything is said, `none` is for a server on
    loopback only.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        options = parse_qs(parts.query, keep_blank_values=True)
        if (
            parts.scheme != "smtp"
            or not parts.hostname
            or not parts.port
            or parts.path.strip("/")
            or not options.keys() <= {"tls"}
        ):
            raise ValueError("write smtp://[user:password@]host:port?tls=required|starttls|none")
        tls = options.get("tls", ["required"])[0]
        if tls not in {"required", "starttls", "none"}:
            raise ValueError(f"tls={tls} is not known: use required, starttls or none")
        if tls == "none" and not is_loopback(parts.hostname):
            raise ValueError("tls=none is only for a server on loopback (127.0.0.1, ::1 or localhost)")
        self.host: str = parts.hostname
        self.port: int = parts.port
        self.tls: Literal["required", "starttls", "none"] = tls  # type: ignore[assignment]  # checked just above
        self.user = unquote(parts.username) if parts.username else None
        self.password = unquote(parts.password) if parts.password else None


class ImapMailbox:
    """Where answers come to: `imaps://user:password@host[:port]/FOLDER`, or `imap://` for a server on loopback."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if (
            parts.scheme not in {"imaps", "imap"}
            or not parts.hostname
            or not parts.username
            or not parts.password
            or parts.query
            or parts.fragment
        ):
            raise ValueError("write imaps://user:password@host[:port]/INBOX")
        self.tls = parts.scheme == "imaps"
        if not self.tls and not is_loopback(parts.hostname):
            raise ValueError("imap:// is only for a server on loopback (127.0.0.1, ::1 or localhost): use imaps://")
        self.host: str = parts.hostname
        self.port: int = parts.port or (993 if self.tls else 143)
        self.user = unquote(parts.username)
        self.password = unquote(parts.password)
        self.folder = unquote(parts.path.strip("/")) or "INBOX"


class MeshMailbox:
    """Our own mailbox on MESH, the NHS's message exchange: `mesh://mailbox:password@host[:port][?tls=required|none]`.

    `none` is for a server on loopback only; everywhere else both sides show certificates.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        options = parse_qs(parts.query, keep_blank_values=True)
        tls = options.get("tls", ["required"])[0]
        if (
            parts.scheme != "mesh"
            or not parts.hostname
            or not parts.username
            or not parts.password
            or parts.path.strip("/")
            or parts.fragment
            or not options.keys() <= {"tls"}
            or tls not in {"required", "none"}
        ):
            raise ValueError("write mesh://mailbox:password@host[:port][?tls=required|none]")
        if tls == "none" and not is_loopback(parts.hostname):
            raise ValueError("tls=none is only for a server on loopback (127.0.0.1, ::1 or localhost)")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        self.tls = tls == "required"
        self.url = f"{'https' if self.tls else 'http'}://{host}{f':{parts.port}' if parts.port else ''}"
        self.mailbox = unquote(parts.username)
        self.password = unquote(parts.password)


class Broker:
    """Where Kafka is: `kafka://[user:password@]host:port[,host:port][?tls=required|none]`.

    Without `tls` the brokers are spoken to over TLS, unless all of them are on loopback.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        options = parse_qs(parts.query, keep_blank_values=True)
        login, _, servers = parts.netloc.rpartition("@")
        self.servers = servers.split(",")
        if (
            parts.scheme != "kafka"
            or not all(HOST_AND_PORT.fullmatch(server) for server in self.servers)
            or parts.path.strip("/")
            or not options.keys() <= {"tls"}
            or bool(login) != (":" in login)
        ):
            raise ValueError("write kafka://[user:password@]host:port[,host:port][?tls=required|none]")
        near = all(is_loopback(server.rpartition(":")[0].strip("[]")) for server in self.servers)
        tls = options.get("tls", ["none" if near else "required"])[0]
        if tls not in {"required", "none"}:
            raise ValueError(f"tls={tls} is not known: use required or none")
        self.tls: Literal["required", "none"] = tls  # type: ignore[assignment]  # checked just above
        user, _, password = login.partition(":")
        self.user = unquote(user) or None
        self.password = unquote(password) or None


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine by name or number, without asking a name server."""
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
