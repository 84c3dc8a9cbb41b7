"""Captures and executors of fleet tests."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from traceview.analysis import Analysis
from traceview.capture import open_capture
from traceview.fleet import worker
from traceview.fleet.dataset import write_shard
from traceview.fleet.tables import FAILURES, TABLES, Tables, failure
from traceview.fleet.worker import Settings, config_hash
from traceview.report.redact import redact
from traceview.rules.config import Config
from traceview_parsers import ReadOptions


class Inline(Executor):
    """Runs every task at once, in this thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001  (that is what an executor does)
            future.set_exception(error)
        return future


def line(second: int, process: str, message: str) -> str:
    """One line of ``log show --style ndjson``."""
    return (
        f'{{"timestamp":"2026-01-15 10:00:{second:02d}.000000+0100","processImagePath":"/usr/libexec/{process}",'
        f'"processID":1,"eventType":"logEvent","messageType":"Default","eventMessage":"{message}"}}\n'
    )


Open = Callable[..., AbstractContextManager[Any]]


@pytest.fixture(scope="session")
def open_once() -> Open:
    """``open_capture`` that analyses a file once: what a batch does with an analysis is the matter of these tests."""
    known: dict[tuple[str, bytes, str], Analysis] = {}

    @contextmanager
    def opened(path: Path, **options: Any) -> Iterator[Any]:
        key = (path.name, path.read_bytes(), repr(sorted(options.items())))
        if key not in known:
            with open_capture(path, **options) as capture:
                known[key] = capture.analysis
        yield SimpleNamespace(analysis=known[key], redacted=lambda level, analysis: redact(analysis, level))

    return opened


@pytest.fixture
def inline(open_once: Open, monkeypatch: pytest.MonkeyPatch) -> type[Inline]:
    monkeypatch.setattr(worker, "open_capture", open_once)
    return Inline


@pytest.fixture
def captures(tmp_path: Path) -> Path:
    """A folder of six small captures, ``a.ndjson`` to ``f.ndjson``."""
    folder = tmp_path / "captures"
    folder.mkdir()
    for index, name in enumerate("abcdef"):
        (folder / f"{name}.ndjson").write_text(line(index, "SpringBoard", f"hello {name}"))
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., Settings]:
    def make(out: str = "fleet", **options: Any) -> Settings:
        config = options.pop("config", Config())
        apps = options.pop("apps", ())
        digest = config_hash(config, ReadOptions(), apps, options.get("redaction", "none"))
        return Settings(tmp_path / out, digest, config, ReadOptions(), apps, **options)

    return make


RULES = (
    ("push-unreported", "T02", "critical"),
    ("suspended-during-call", "G14", "critical"),
    ("io-overload", "G01", "high"),
    ("answer-without-audio-activation", "V04", "critical"),
    ("resource-warning", "T10", "medium"),
    ("background-task-overrun", "T04", "critical"),
    ("activation-refused", "A03", "high"),
    ("user-force-quit", "T15", "info"),
    ("log-incomplete", "Q02", "info"),
    ("rule-of-another-version", None, "low"),
)
OS_VERSIONS = ("17.7", "18.5", "18.6.2", "26.0", "26.0.1", "26.1", "26.2", None)
APP_VERSIONS = ("5.1", "5.2", "5.2.1", "5.3b2", "5.3", None)


def synthetic_fleet(out: Path, count: int, *, seed: int = 1, shards: int = 4, failures: int | None = None) -> Path:
    """Write a made-up data set of `count` captures: io-overload gets worse with 26.1, push-unreported with app 5.3."""
    rng = np.random.default_rng(seed)
    failed = count // 50 if failures is None else failures
    for part, keys in enumerate(np.array_split(np.arange(count), shards)):
        tables = _synthetic_tables(rng, keys.tolist(), out.parent)
        if part == 0:
            lost = [
                failure(
                    f"f{n}", out.parent / f"lost-{n}.tar.gz", ("unreadable", "timeout", "died")[n % 3], f"reason {n}"
                )
                for n in range(failed)
            ]
            tables["failures"] = pl.concat([pl.DataFrame(schema=FAILURES), *(one["failures"] for one in lost)])
        write_shard(out, f"shard-{part}", "synthetic", [f"c{n}" for n in keys], [tables])
    return out


def _synthetic_tables(rng: np.random.Generator, keys: list[int], folder: Path) -> Tables:
    captures, exposure, findings, silent = [], [], [], []
    for n in keys:
        key = f"c{n:06d}"
        system = OS_VERSIONS[rng.integers(len(OS_VERSIONS))]
        version = APP_VERSIONS[rng.integers(len(APP_VERSIONS))]
        start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=37 * n)
        path = folder / "captures" / f"sysdiagnose_{n:06d}.tar.gz"
        captures.append(
            {
                "capture": key,
                "path": str(path),
                "uri": path.as_uri(),
                "name": path.name,
                "content": f"{n:032x}",
                "start": start,
                "end": start + timedelta(hours=int(rng.integers(1, 30))),
                "model": f"iPhone{rng.integers(12, 19)},{rng.integers(1, 4)}",
                "os_name": "iOS" if system else None,
                "os_version": system,
                "log_rows": 1_000_000,
                "problems": int(rng.integers(3)),
                "redaction": "none",
            }
        )
        for app, release in (("com.acme.voip", version), ("com.example.othertalk", "1.0" if n % 3 else "1.1")):
            exposure.append(
                {
                    "capture": key,
                    "app": app,
                    "seen": True,
                    "app_version": release,
                    "calls": int(rng.integers(6)),
                    "background_s": float(rng.integers(7200)),
                }
            )
        for place, (rule, number, severity) in enumerate(RULES):
            if rng.random() < 0.12:
                silent.append({"capture": key, "rule": rule, "needs": f"lines of witness {place}"})
                continue
            chance = 0.35 / (1 + place)
            chance *= 2.5 if rule == "io-overload" and system in ("26.1", "26.2") else 1
            chance *= 2 if rule == "push-unreported" and version == "5.3" else 1
            findings += [
                {
                    "capture": key,
                    "rule": rule,
                    "number": number,
                    "severity": severity,
                    "app": None if rule == "log-incomplete" else "com.acme.voip",
                    "title": f"com.acme.voip did something wrong {place + 1} times (synthetic)",
                    "fingerprint": f"{place:08x}{n % 5:08x}",
                    "confidence": 1.0,
                }
            ] * int(rng.poisson(1.5) + 1 if rng.random() < chance else 0)
    rows = {"captures": captures, "exposure": exposure, "findings": findings, "rules_not_evaluated": silent}
    return {table: pl.DataFrame(rows[table], schema=TABLES[table]) for table in rows}


@pytest.fixture(scope="session")
def synthetic() -> Callable[..., Path]:
    return synthetic_fleet
