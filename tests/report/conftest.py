"""Analyses of reports, plots and redaction, and a written report."""

from collections.abc import Callable
from pathlib import Path

import pytest
from report_analysis import build_crowded, build_empty, build_rich
from report_rows import SECRETS

from traceview.analysis import Analysis
from traceview.report.html import write


@pytest.fixture
def secrets() -> tuple[str, ...]:
    return SECRETS


@pytest.fixture
def rich() -> Analysis:
    return build_rich()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The written report of the rich analysis."""
    file = tmp_path_factory.mktemp("report") / "report.html"
    write(build_rich(), file)
    return file


@pytest.fixture
def empty() -> Analysis:
    return build_empty()


@pytest.fixture
def crowded() -> Callable[[int, int], Analysis]:
    """Return a function that makes an analysis with so many background tasks and so many evidence lines."""
    return build_crowded
