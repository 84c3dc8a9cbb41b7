"""How the processes of traceview treat memory: what is free goes back soon, cycles are looked for rarely."""

import atexit
import gc
import sys

_OBJECTS_PER_COLLECTION = 200_000
"""New objects after which Python looks for cycles. At its own 700 that takes a twentieth of a short command, most of it while
modules are imported, and finds little: most tables are freed with the last reference to them (measured)."""

_HEAP_BYTES = 256 << 20
"""By which glibc's heap grows: room for what a batch takes. It is memory only where it is used."""

_LARGEST_ON_HEAP = 32 << 20
"""Bytes below which glibc makes no map of its own; it takes no larger limit."""

_HUGE_PAGE = 2 << 20
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_MADV_HUGEPAGE = 14
"""Numbers of Linux and glibc: ``malloc.h``, ``mman.h``."""


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
    """Let the C library of Linux keep arrays of some MB that are freed, for the next batch, in huge pages.

    It gives them back at once otherwise, and they are zeroed when they come again, page by page: together that takes a tenth
    of an analysis; the most that is in use stays the same (measured).
    """
    if sys.platform != "linux":
        return
    import ctypes  # noqa: PLC0415  (keeps --help fast)

    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        return
    for option, size in (
        (_M_TRIM_THRESHOLD, _HEAP_BYTES),
        (_M_TOP_PAD, _HEAP_BYTES),
        (_M_MMAP_THRESHOLD, _LARGEST_ON_HEAP),
    ):
        libc.mallopt(option, size)
    libc.malloc.restype = libc.sbrk.restype = ctypes.c_size_t
    # The heap grows by all of its room with the first large piece. Advice is given for memory that is there.
    piece = libc.malloc(_LARGEST_ON_HEAP >> 1)
    start, end = -(-piece // _HUGE_PAGE) * _HUGE_PAGE, libc.sbrk(0)
    if 0 < piece < end:
        libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_HUGEPAGE)
    libc.free(ctypes.c_void_p(piece))


def give_back() -> None:
    """Return to the system what reading took: it is free again, but Arrow and the C library keep it."""
    import pyarrow as pa  # noqa: PLC0415  (keeps --help fast)

    for pool in (pa.default_memory_pool(), pa.system_memory_pool()):
        pool.release_unused()
