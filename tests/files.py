"""Files as people send them, made here byte by byte."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from types import MappingProxyType
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile


def pdf(*, before: bytes = b"", trailer: bytes = b"") -> bytes:
    """A document of one empty page; `before` comes ahead of its objects, `trailer` into its last dictionary."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
    ]
    content = b"%PDF-1.4\n" + before
    places = []
    for number, each in enumerate(objects, 1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = len(content)
    content += b"xref\n0 4\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    return content + b"trailer<</Size 4/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (trailer, table)


def archive(parts: Mapping[str, bytes]) -> bytes:
    """A ZIP archive; a part called `mimetype` is stored as it is."""
    content = io.BytesIO()
    with ZipFile(content, "w") as opened:
        for name, part in parts.items():
            opened.writestr(name, part, ZIP_STORED if name == "mimetype" else ZIP_DEFLATED)
    return content.getvalue()


_BODY = '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">{}</w:document>'


def docx(more: Mapping[str, bytes] = MappingProxyType({}), *, main: str = "word/document.xml") -> bytes:
    """A Word document of one paragraph, with more parts by their names."""
    body = _BODY.format("<w:body><w:p><w:r><w:t>What is working well?</w:t></w:r></w:p></w:body>").encode()
    return archive({"[Content_Types].xml": b"<Types/>", "_rels/.rels": b"<Relationships/>", main: body, **more})


def odt(more: Mapping[str, bytes] = MappingProxyType({}), *, manifest: bytes = b"<manifest:manifest/>") -> bytes:
    """An OpenDocument text, with more parts by their names."""
    kind = b"application/vnd.oasis.opendocument.text"
    parts = {"mimetype": kind, "content.xml": b"<office:document-content/>", "META-INF/manifest.xml": manifest}
    return archive({**parts, **more})


def png(width: int = 1, height: int = 1) -> bytes:
    """A picture that says it is so large, of one white dot."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    dots = zlib.compress(b"\x00\xff")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", dots) + chunk(b"IEND", b"")


def jpeg() -> bytes:
    """The beginning and the end of a photograph."""
    return b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00" + bytes(64) + b"\xff\xd9"
