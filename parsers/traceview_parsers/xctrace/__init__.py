"""Exports of Instruments (``xctrace export``): tables of contents and table XML of Xcode 14 to 27."""

from traceview_parsers.xctrace.claims import READER

__all__ = ["READER"]
