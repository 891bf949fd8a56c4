"""A mail server that throws messages away, and notes the moment at which it had each whole.

python -m tests.bench.noting_sink PORT FILE

FILE gets a line for each message: seconds since 1970, a space, the Message-ID. smtp-sink tells no times, and the server
of a library would cost the measurement more than the mailer does.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from typing import IO

MESSAGE_ID = re.compile(rb"^message-id:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
GREETING = b"250-noting-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n"


class Session(asyncio.Protocol):
    """One connection."""

    def __init__(self, notes: IO[str]) -> None:
        self.notes = notes
        self.buffer = bytearray()
        self.in_content = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(b"220 noting-sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            mark = b"\r\n.\r\n" if self.in_content else b"\r\n"
            end = self.buffer.find(mark)
            if end < 0:
                return
            said = bytes(self.buffer[:end])
            del self.buffer[: end + len(mark)]
            self.answer(said)

    def answer(self, said: bytes) -> None:
        if self.in_content:
            found = MESSAGE_ID.search(said)
            self.notes.write(f"{time.time():.6f} {found[1].decode() if found else ''}\n")
            self.in_content = False
            self.transport.write(b"250 2.0.0 Ok\r\n")
            return
        command = said[:4].upper()
        if command == b"DATA":
            self.in_content = True
            self.transport.write(b"354 End data with <CR><LF>.<CR><LF>\r\n")
        elif command == b"QUIT":
            self.transport.write(b"221 2.0.0 Bye\r\n")
            self.transport.close()
        else:
            self.transport.write(GREETING if command == b"EHLO" else b"250 2.0.0 Ok\r\n")


async def serve(port: int, file: str) -> None:
    """Take messages until the process is ended."""
    with open(file, "w", buffering=1) as notes:  # noqa: ASYNC230  # a line each: what is in the file has happened
        server = await asyncio.get_running_loop().create_server(lambda: Session(notes), "127.0.0.1", port)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2]))
