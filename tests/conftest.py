"""Fixtures shared by all tests."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import CHROMIUM, Visit
from hypothesis import settings

# A busy machine is no bug: time limits of single examples say nothing about the software.
settings.register_profile("traceview", deadline=None)
settings.load_profile("traceview")

ROOT = Path(__file__).resolve().parent.parent
MOST_PROCESSES = 4
"""Processes for the whole run; more of them spend their time on building the same fixtures."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Use one process for each processor where all tests are run, and this one where a part is: it is faster at that."""
    whole = {ROOT, ROOT / "tests"}
    if not all((config.invocation_params.dir / argument).resolve() in whole for argument in config.args):
        return 0
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(count, MOST_PROCESSES) if count > 1 else 0


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real captures: ``TRACEVIEW_REAL``, else ``shared/real`` beside the checkout. Skips where absent."""
    folder = Path(os.environ.get("TRACEVIEW_REAL", ROOT.parent / "shared" / "real"))
    if not folder.is_dir():
        pytest.skip(f"no real captures at {folder} (set TRACEVIEW_REAL)")
    return folder


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of synthetic sample captures."""
    return ROOT / "sample_traces"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium. Skips where it or its driver is absent."""
    playwright = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM}")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visit]]:
    """Return a function that opens a page: ``visit(file, fragment, script=…, **options)``."""
    visits: list[Visit] = []

    def go(file: Path, fragment: str = "", **options: Any) -> Visit:
        visits.append(Visit(browser, file, fragment, **options))
        return visits[-1]

    yield go
    for one in visits:
        one.context.close()
