"""One process at a time: a lock that the system takes back when its process ends, however that ends."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from traceview_parsers.errors import UsageError

if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        while True:
            try:
                msvcrt.locking(file, msvcrt.LK_LOCK, 1)
            except OSError as error:
                if error.errno != errno.EDEADLK:  # which says that ten seconds were not enough
                    raise
            else:
                return

else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Wait until no other process has the lock, which is a file that stays.

    Raises:
        UsageError: The file system knows no locks.
        OSError: The file cannot be made.
    """
    with lock.open("ab") as file:
        try:
            _lock(file.fileno())
        except OSError as error:
            what = (error.strerror or str(error)).lower()
            raise UsageError(
                f"{lock}: cannot be locked ({what}); let one --shard after the other use --resume, or none"
            ) from error
        yield
