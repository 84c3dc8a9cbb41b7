"""Readers: files of one format in, Arrow tables out."""

from collections.abc import Sequence
from pathlib import Path

from traceview_parsers.trace import ReadOptions, Trace

__all__ = ["ReadOptions", "Trace", "open_trace"]


def open_trace(source: str | Path | Sequence[str | Path], options: ReadOptions | None = None) -> Trace:
    """Open one capture; see `traceview_parsers.discovery.open_trace`."""
    from traceview_parsers.discovery import open_trace as open_sources  # noqa: PLC0415  (keeps start-up light)

    return open_sources(source, options)
