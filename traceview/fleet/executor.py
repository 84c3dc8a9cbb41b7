"""Where shards run: a spawned process pool here, or a dask cluster. Both are `concurrent.futures.Executor`s."""

import multiprocessing
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache
from types import TracebackType
from typing import Any

from traceview.fleet.worker import GRACE_S, obey
from traceview_parsers.errors import UsageError


def local_pool(jobs: int) -> Executor:
    """Return a pool of `jobs` processes. Spawned, because polars' threads do not survive a fork."""
    return _LocalPool(jobs, mp_context=multiprocessing.get_context("spawn"), initializer=obey)


class _LocalPool(ProcessPoolExecutor):
    """A pool that an interrupt ends at once: its processes never see the interrupt, they are told to stop."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        with _no_interrupts():  # a process that starts here inherits this, from its first instruction on
            return super().submit(fn, *args, **kwargs)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> bool | None:
        if kind is not None:
            self.shutdown(wait=False, cancel_futures=True)
            _stop_processes()
        return super().__exit__(kind, error, where)


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Hold back Ctrl-C in this thread; it comes afterwards.

    The system may give it to a thread of a library instead, where it is not blocked, and Python would obey it here all the same.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    held: list[int] = []
    obeys = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, lambda number, _: held.append(number)) if obeys else None
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if obeys:
            signal.signal(signal.SIGINT, handler)
        if held and callable(handler):
            handler(signal.SIGINT, None)


def _stop_processes() -> None:
    """End the processes of this one; those that do not end by themselves within `GRACE_S` are killed."""
    processes = multiprocessing.active_children()
    for process in processes:
        process.terminate()
    until = time.monotonic() + GRACE_S
    for process in processes:
        process.join(max(0.0, until - time.monotonic()))
        if process.is_alive():
            process.kill()


def dask_pool(address: str | None) -> Executor:
    """Return an executor of the dask scheduler at `address` (None: a local cluster).

    Raises UsageError where dask is not installed.
    """
    executor: Executor = _client(address).get_executor()
    return executor


@cache
def _client(address: str | None) -> Any:
    """Return the one connection to a scheduler: its workers come back by themselves when a process dies."""
    try:
        from distributed import Client  # noqa: PLC0415  (optional)
    except ImportError as error:
        raise UsageError("--engine dask needs dask: pip install 'traceview[dask]'") from error
    return Client(address)


def process_died(error: BaseException) -> bool:
    """Whether a future failed because the process of its task died (dask says so after some attempts of its own)."""
    distributed = sys.modules.get("distributed")
    killed = () if distributed is None else (distributed.KilledWorker,)
    return isinstance(error, (BrokenExecutor, *killed))
