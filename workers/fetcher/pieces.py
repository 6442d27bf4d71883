"""A page, divided into segments. Pure."""

from collections.abc import Iterable, Iterator

import msgspec

MOST_ITEMS = 500
MOST_BYTES = 2 * 1024 * 1024
"""Of a segment with several items; one that is longer than that alone is a segment of its own."""

MOST_ITEM_BYTES = 4 * 1024 * 1024
"""Nobody is longer than that; of such an item nothing is left but that there was one."""


def texts(items: Iterable[msgspec.Raw]) -> Iterator[bytes]:
    """JSON arrays of these items, as they came: at most 500 and about 2 MB each."""
    piece: list[bytes] = []
    size = 0
    for item in items:
        raw = bytes(item) if len(bytes(item)) <= MOST_ITEM_BYTES else b"{}"
        if piece and (len(piece) == MOST_ITEMS or size + len(raw) > MOST_BYTES):
            yield b"[" + b",".join(piece) + b"]"
            piece, size = [], 0
        piece.append(raw)
        size += len(raw) + 1
    if piece:
        yield b"[" + b",".join(piece) + b"]"


def count(text: bytes) -> int:
    """How many items a segment has."""
    return len(msgspec.json.decode(text, type=list[msgspec.Raw]))
