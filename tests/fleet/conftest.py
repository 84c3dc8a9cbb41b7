"""Captures and executors of fleet tests."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

from traceview.fleet.worker import Settings, config_hash
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


@pytest.fixture
def inline() -> type[Inline]:
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
