"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no bug: time limits of single examples say nothing about the software.
settings.register_profile("traceview", deadline=None)
settings.load_profile("traceview")

ROOT = Path(__file__).resolve().parent.parent


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
