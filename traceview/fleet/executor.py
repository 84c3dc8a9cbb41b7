"""Where shards run: a spawned process pool here, or a dask cluster. Both are `concurrent.futures.Executor`s."""

import multiprocessing
import sys
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from functools import cache
from typing import Any

from traceview_parsers.errors import UsageError


def local_pool(jobs: int) -> Executor:
    """Return a pool of `jobs` processes. Spawned, because polars' threads do not survive a fork."""
    return ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"))


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
