"""Readers: files of one format in, Arrow tables out."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from traceview_parsers.discovery import open_trace
    from traceview_parsers.trace import ReadOptions, Trace

__all__ = ["ReadOptions", "Trace", "open_trace"]

_HOME = {"ReadOptions": "trace", "Trace": "trace", "open_trace": "discovery"}


def __getattr__(name: str) -> Any:
    """Load public names when first used: errors must be importable without Arrow."""
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
