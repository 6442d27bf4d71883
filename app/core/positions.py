"""One number that orders every row ever imported into a workspace (design.md section 5).

order second (32 bits) | segment index (18) | row in segment (13): 63 bits, a positive bigint.
"""

INDEX_BITS = 18
ROW_BITS = 13
MAX_INDEX = (1 << INDEX_BITS) - 1
MAX_ROW = (1 << ROW_BITS) - 1


def position(order_second: int, index: int, row: int) -> int:
    """The position of row `row` (0-based) of segment `index` of the import that was given `order_second`."""
    return (order_second << (INDEX_BITS + ROW_BITS)) | (index << ROW_BITS) | row


def order_second(stamp: int) -> int:
    """The order second of the import that made a position, or a fill stamp (its negative)."""
    return abs(stamp) >> (INDEX_BITS + ROW_BITS)
