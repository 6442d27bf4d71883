"""Memory that comes back: an upload uses and drops buffers of half a megabyte all the time.

By default glibc raises, with the first such buffer that is dropped, both the size from which it maps buffers and how
much it keeps at the end of the heap; on a busy machine the process then grows by tens of megabytes for nothing.
Fixed thresholds keep it flat at no cost.
"""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def keep_flat() -> None:
    """Fixes the thresholds of this process; does nothing where the C library has none."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, 4 * 2**20)
        mallopt(_M_MMAP_THRESHOLD, 32 * 2**20)
