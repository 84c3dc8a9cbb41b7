"""Crash, jetsam and resource reports (``.ips``, ``.crash``, and their text forms), iOS 8 to 27."""

from traceview_parsers.ips.reader import READER

__all__ = ["READER"]
