"""Figures of one capture and of a fleet."""

from traceview.plots.theme import CONFIG
from traceview.plots.timeline import timeline

__all__ = ["CONFIG", "timeline"]
