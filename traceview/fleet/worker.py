"""What one process does: analyse the captures of a shard and write its files."""

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from types import FrameType

from traceview import __version__
from traceview.capture import open_capture
from traceview.fleet.dataset import Entry, write_shard
from traceview.fleet.jobs import Job, content_hash
from traceview.fleet.tables import Tables, failure, tables_of
from traceview.report.redact import Level, redact
from traceview.rules.config import Config
from traceview_parsers import ReadOptions
from traceview_parsers.errors import TraceviewError


@dataclass(frozen=True, slots=True)
class Settings:
    """What is the same for all captures of a batch.

    Attributes:
        out: Folder of the data set.
        config_hash: Hash of everything that changes results.
        config: Thresholds and suppressions.
        options: Date and zone for texts.
        apps: Apps asked for; empty: all.
        redaction: ``none``, ``ids`` or ``all``.
        timeout_s: Seconds that one capture may take, or None.
    """

    out: Path
    config_hash: str
    config: Config
    options: ReadOptions
    apps: tuple[str, ...] = ()
    redaction: Level = "none"
    timeout_s: float | None = None


class CaptureTimeoutError(TraceviewError):
    """A capture took longer than allowed."""


def run_shard(name: str, jobs: Sequence[Job], settings: Settings) -> Entry:
    """Analyse the captures and write the shard; a capture that fails costs one row in ``failures``."""
    tables = [_analyse(job, settings) for job in jobs]
    return write_shard(settings.out, name, settings.config_hash, [job.key for job in jobs], tables)


def _analyse(job: Job, settings: Settings) -> Tables:
    began = time.perf_counter()
    try:
        with (
            _limit(settings.timeout_s),
            open_capture(
                job.path, apps=settings.apps, options=settings.options, config=settings.config, require_apps=False
            ) as capture,
        ):
            analysis = redact(capture.analysis, settings.redaction)
            return tables_of(analysis, job.key, str(job.path), content_hash(job.path), time.perf_counter() - began)
    except CaptureTimeoutError:
        return failure(job.key, str(job.path), "timeout", f"took longer than {settings.timeout_s:g} s")
    except (TraceviewError, OSError) as error:
        return failure(job.key, str(job.path), "unreadable", str(error))
    except MemoryError:
        return failure(job.key, str(job.path), "memory", "ran out of memory")
    except Exception as error:  # noqa: BLE001  (one bad capture must not cost the batch; the row says what happened)
        return failure(job.key, str(job.path), "internal", f"{type(error).__name__}: {error}")


@contextmanager
def _limit(seconds: float | None) -> Iterator[None]:
    """Raise CaptureTimeoutError in the main thread after `seconds`; without effect where signals cannot do that."""
    if seconds is None or not hasattr(signal, "setitimer"):
        yield
        return

    def stop(number: int, _frame: FrameType | None) -> None:
        raise CaptureTimeoutError(f"signal {number}")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def config_hash(config: Config, options: ReadOptions, apps: tuple[str, ...], redaction: str) -> str:
    """Return a digest of everything that changes results: version, thresholds, suppressions, options."""
    text = repr((__version__, config, options, sorted(apps), redaction))
    return blake2b(text.encode(), digest_size=12).hexdigest()
