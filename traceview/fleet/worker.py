"""What one process does: analyse the captures of a shard and write its files."""

import faulthandler
import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from hashlib import blake2b
from pathlib import Path
from types import FrameType
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from traceview import __version__
from traceview.analysis import Analysis
from traceview.capture import open_capture
from traceview.fleet.dataset import Entry, write_shard
from traceview.fleet.jobs import Job, content_hash
from traceview.fleet.tables import Tables, failure, tables_of
from traceview.memory import free_cycles, look_for_cycles_rarely
from traceview.report.redact import Level
from traceview.rules.builtin import load_rules
from traceview.rules.config import Config
from traceview_parsers import ReadOptions
from traceview_parsers.errors import TraceviewError


class Settings(Struct, frozen=True):
    """What is the same for all captures of a batch.

    Attributes:
        out: Folder of the data set.
        config_hash: Hash of everything that changes results.
        config: Thresholds and suppressions.
        options: Date and zone for texts; version of the system for captures that name none, which may differ between the
            runs that make one data set.
        apps: Apps asked for; empty: all.
        app_version: Their version in captures that tell none; may differ likewise.
        redaction: ``none``, ``ids`` or ``all``.
        timeout_s: Seconds that one capture may take, or None.
    """

    out: Path
    config_hash: str
    config: Config
    options: ReadOptions
    apps: tuple[str, ...] = ()
    app_version: str | None = None
    redaction: Level = "none"
    timeout_s: float | None = None


_KEYS = 2
"""Changes with what `Job.key` is made of: keys of two kinds in one data set would count captures twice."""


class CaptureTimeoutError(TraceviewError):
    """A capture took longer than allowed."""


GRACE_S: Final = 5.0
"""Processes of a batch that is gone or interrupted may take so long to remove their temporary files (heuristic)."""

_at_work = threading.Event()


def obey() -> None:
    """Prepare a process of a local pool: the batch alone ends it, and it ends without a word.

    A terminal sends an interrupt to all processes of a command; here it does nothing, so that the batch can tell them to
    stop. A capture in work is left as by an interrupt, so that its temporary files are removed.
    """
    look_for_cycles_rarely()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)
    threading.Thread(target=_end_with_batch, name="end-with-batch", daemon=True).start()


def _stop(number: int, _frame: FrameType | None) -> None:
    if _at_work.is_set():
        raise KeyboardInterrupt
    os._exit(128 + number)


def _end_with_batch() -> None:
    """End this process as the batch would where that is gone, even by SIGKILL: nobody else would."""
    batch = multiprocessing.parent_process()
    if batch is None:
        return
    batch.join()
    os.kill(os.getpid(), signal.SIGTERM)
    until = time.monotonic() + GRACE_S
    while _at_work.is_set() and time.monotonic() < until:
        time.sleep(0.05)
    os._exit(128 + signal.SIGTERM)


def ready() -> None:
    """Do nothing: a process that returns from here has started and imported all that it needs."""


def run_shard(name: str, jobs: Sequence[Job], settings: Settings) -> Entry:
    """Analyse the captures and write the shard; a capture that fails costs one row in ``failures``.

    Raises OSError where the data set cannot be written.
    """
    _at_work.set()
    try:
        tables = []
        for job in jobs:
            tables.append(_analyse(job, settings))
            free_cycles()
        return write_shard(settings.out, name, settings.config_hash, [job.key for job in jobs], tables)
    finally:
        _at_work.clear()


def _analyse(job: Job, settings: Settings) -> Tables:
    began = time.perf_counter()
    try:
        with (
            _limit(settings.timeout_s),
            open_capture(
                job.path, apps=settings.apps, options=settings.options, config=settings.config, require_apps=False
            ) as capture,
        ):
            analysis = capture.redacted(settings.redaction, _versioned(capture.analysis, settings))
            return tables_of(analysis, job.key, job.path, content_hash(job.path), time.perf_counter() - began)
    except CaptureTimeoutError as error:
        return failure(job.key, job.path, "timeout", str(error))
    except (TraceviewError, OSError) as error:
        return failure(job.key, job.path, "access" if _of_the_system(error) else "unreadable", str(error))
    except MemoryError:
        return failure(job.key, job.path, "memory", "ran out of memory")
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  (a panic in native code is no Exception; the row says what happened)
        return failure(job.key, job.path, "internal", f"{type(error).__name__}: {error}")


def _versioned(analysis: Analysis, settings: Settings) -> Analysis:
    """Return the analysis with the given version of apps of which the capture tells none."""
    if settings.app_version is None:
        return analysis
    return replace(analysis, app_versions=dict.fromkeys(settings.apps, settings.app_version) | analysis.app_versions)


def _of_the_system(error: BaseException | None) -> bool:
    """Whether an error goes back to one of the operating system (rights, disk, network), not to what the file holds."""
    while error is not None:
        # Damaged gzip data raises an OSError of Python's own, without a number.
        if isinstance(error, OSError) and error.errno is not None:
            return True
        error = error.__cause__
    return False


@contextmanager
def _limit(seconds: float | None) -> Iterator[None]:
    """Raise CaptureTimeoutError in the main thread after `seconds`.

    Native code is not interrupted by that: where it still runs after `kill_after`, the process ends, and the batch
    finds out which capture it was. Elsewhere than in the main thread of a process nothing is limited.
    """
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    with _watchdog(kill_after(seconds)), _alarm(seconds):
        yield


def kill_after(seconds: float) -> float:
    """Return the seconds after which the process of a capture ends that may take `seconds`."""
    return 2 * seconds + 10


@contextmanager
def _watchdog(seconds: float) -> Iterator[None]:
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    if not hasattr(signal, "setitimer"):
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise CaptureTimeoutError(took_too_long(seconds))

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def took_too_long(seconds: float) -> str:
    """Return the message of a capture that did not end in time."""
    return f"took longer than {seconds:g} s"


def config_hash(
    config: Config, options: ReadOptions, apps: Iterable[str], redaction: str, *, today: date | None = None
) -> str:
    """Return a digest of everything that changes results, the same in every process.

    That is: version, how captures are keyed, rules that are installed, thresholds, severities, findings that are accepted on that day, date and
    zone of texts, apps, redaction. Not the versions of system and app that a run gives to captures that name none: these
    are facts about its captures, and runs for several releases make one data set, which compares them.
    """
    content = {
        "keys": _KEYS,
        "version": __version__,
        "rules": [rule.id for rule in load_rules()[0]],
        "thresholds": {rule: dict(values) for rule, values in config.thresholds.items()},
        "severities": {rule: severity.name for rule, severity in config.severities.items()},
        "disabled": sorted(config.disabled),
        "accepted": sorted(config.accepted(today or datetime.now(UTC).date())),
        "date": None if options.date is None else options.date.isoformat(),
        "tz": None if options.tz is None else str(options.tz),
        "apps": sorted(set(apps)),
        "redaction": redaction,
    }
    return blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=12).hexdigest()
