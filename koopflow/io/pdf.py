"""Verify a PDF file: read it object by object and decompress its streams, which carry checksums
(ISO 32000-1, 7.3 and 7.5).

The /Length entry of its dictionary determines where a stream ends; its bytes may contain anything,
even line breaks and "endstream".
"""

import re
import zlib

SPACE = re.compile(rb"(?:\s|%[^\r\n]*)*")
HEAD = re.compile(rb"\d+\s+\d+\s+obj\b")
BETWEEN = re.compile(rb"xref\s+(?:\d+\s+\d+\s+(?:[0-9]{10} [0-9]{5} [nf]\s+)*)+|startxref\s+\d+|trailer\b")
REFERENCE = re.compile(rb"(\d+)\s+(\d+)\s+R\b")
PLAIN = re.compile(rb"/[^\s()<>\[\]{}/%]*|<[0-9A-Fa-f\s]*>|[^\s()<>\[\]{}/%]+")
STREAM = re.compile(rb"stream(?:\r\n|\n)")
ENDSTREAM = re.compile(rb"\s*endstream\s+endobj\b")
ENDOBJ = re.compile(rb"endobj\b")
PIECE = re.compile(rb"\\.|[()]", re.DOTALL)

Value = bytes | list["Value"] | dict[bytes, "Value"]


def verify(content: bytes) -> None:
    """Verify the bytes of a PDF file.

    Raises
    ------
    ValueError
        If the file is truncated, or an object or stream is damaged.
    zlib.error
        If a stream cannot be decompressed.
    """
    if not content.startswith(b"%PDF-") or not content.rstrip().endswith(b"%%EOF"):
        raise ValueError("the beginning or end of the file is missing")
    encrypted = re.search(rb"trailer[^%]*?/Encrypt\b", content) is not None
    position, objects = _space(content, 0), 0
    while position < len(content):
        if head := HEAD.match(content, position):
            position = _object(content, head.end(), encrypted)
            objects += 1
        elif between := BETWEEN.match(content, position):
            position = between.end()
            if between[0] == b"trailer":
                _, position = _value(content, position)
        else:
            raise ValueError(f"unreadable at byte {position}")
        position = _space(content, position)
    if not objects:
        raise ValueError("it contains no objects")


def _object(content: bytes, position: int, encrypted: bool) -> int:
    """Verify the object whose header ends at `position`; return the position after it."""
    value, position = _value(content, position)
    position = _space(content, position)
    start = STREAM.match(content, position)
    if start is None or not isinstance(value, dict):
        return _word(ENDOBJ, content, position)
    length = _length(content, start.end(), value.get(b"/Length", b""))
    data, position = content[start.end() : start.end() + length], start.end() + length
    filters = value.get(b"/Filter", b"")
    first = filters[0] if isinstance(filters, list) and filters else filters
    if first == b"/FlateDecode" and not encrypted:
        unpacked = zlib.decompressobj()
        unpacked.decompress(data)
        if not unpacked.eof:
            raise ValueError(f"the stream at byte {start.end()} is truncated")
    return _word(ENDSTREAM, content, position)


def _word(word: re.Pattern[bytes], content: bytes, position: int) -> int:
    """Return the position after `word`, which must come next."""
    found = word.match(content, position)
    if not found:
        raise ValueError(f"unreadable at byte {position}")
    return found.end()


def _length(content: bytes, position: int, value: Value) -> int:
    """Return the length of the stream at `position`, given as a number or a reference to an
    object."""
    if isinstance(value, bytes) and value.isdigit():
        return int(value)
    reference = REFERENCE.fullmatch(value) if isinstance(value, bytes) else None
    if reference:
        held = re.compile(rb"(?<!\d)" + reference[1] + rb"\s+" + reference[2] + rb"\s+obj\s+(\d+)\s+endobj")
        for found in held.finditer(content):
            if ENDSTREAM.match(content, position + int(found[1])):
                return int(found[1])
    raise ValueError(f"the stream at byte {position} has no valid length")


def _value(content: bytes, position: int) -> tuple[Value, int]:
    """Return the value at `position` and the position after it.

    Names, numbers, strings and references stay bytes.
    """
    position = _space(content, position)
    if content[position : position + 2] == b"<<":
        items, position = _until(b">>", content, position + 2)
        keys = [key for key in items[::2] if isinstance(key, bytes)]
        return dict(zip(keys, items[1::2])), position
    if content[position : position + 1] == b"[":
        return _until(b"]", content, position + 1)
    if content[position : position + 1] == b"(":
        return _text(content, position)
    found = REFERENCE.match(content, position) or PLAIN.match(content, position)
    if not found:
        raise ValueError(f"unreadable at byte {position}")
    return found[0], found.end()


def _until(end: bytes, content: bytes, position: int) -> tuple[list[Value], int]:
    """Return the values up to the bracket `end`, and the position after it."""
    values: list[Value] = []
    while not content.startswith(end, position := _space(content, position)):
        value, position = _value(content, position)
        values.append(value)
    return values, position + len(end)


def _text(content: bytes, position: int) -> tuple[bytes, int]:
    """Return the string in parentheses at `position`, and the position after it."""
    depth = 0
    for found in PIECE.finditer(content, position):
        depth += (found[0] == b"(") - (found[0] == b")")
        if depth == 0:
            return content[position : found.end()], found.end()
    raise ValueError(f"the string at byte {position} is not closed")


def _space(content: bytes, position: int) -> int:
    """Return the position of the next byte that is neither whitespace nor comment."""
    found = SPACE.match(content, position)
    return found.end() if found else position
