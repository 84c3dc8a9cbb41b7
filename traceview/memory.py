"""How the processes of traceview treat memory: what is free goes back soon, cycles are looked for rarely."""

import atexit
import gc
import sys

_OBJECTS_PER_COLLECTION = 200_000
"""New objects after which Python looks for cycles. At its own 700 that takes a twentieth of a short command, most of it while
modules are imported, and finds little: most tables are freed with the last reference to them (measured)."""

_KEPT_OPTIONS = ((-1, 128 << 20), (-3, 32 << 20))
"""M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of glibc's ``mallopt``: bytes that are kept, and below which no map is made."""


def look_for_cycles_rarely() -> None:
    """Let this process, which is ours, spend little time on the search for cycles of objects.

    None is looked for at its end, when all memory goes back at once: that takes a tenth of a short command (measured).
    """
    gc.set_threshold(_OBJECTS_PER_COLLECTION)
    atexit.register(gc.freeze)


def free_cycles() -> None:
    """Free what the last capture left in cycles: readers of a log archive, 10 MB of a small one (measured).

    The oldest objects are left out, which are modules: that takes a tenth of the time.
    """
    gc.collect(1)


def keep_what_is_freed() -> None:
    """Let the C library of Linux keep arrays of some MB that are freed, for the next batch.

    It gives them back at once otherwise, and they are zeroed when they come again: 6 % of the time of printing an archive, 3 %
    of an analysis; the most that is in use stays the same (measured).
    """
    import ctypes  # noqa: PLC0415  (keeps --help fast)

    option = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if option is not None:
        for name, size in _KEPT_OPTIONS:
            option(name, size)


def give_back() -> None:
    """Return to the system what reading took: it is free again, but Arrow and the C library keep it."""
    import pyarrow as pa  # noqa: PLC0415  (keeps --help fast)

    for pool in (pa.default_memory_pool(), pa.system_memory_pool()):
        pool.release_unused()
