"""When Python looks for cycles of objects."""

import gc


def look_seldom() -> None:
    """For good. A segment is many small objects and no cycles: looking for some doubles its cost."""
    gc.freeze()
    gc.set_threshold(500_000, 20, 20)
