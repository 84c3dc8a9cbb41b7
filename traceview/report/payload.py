"""Compressed parts of the page that scripts inflate: the plotting library and the figure."""

import base64
import gzip
from functools import cache
from typing import Any

from plotly.offline import get_plotlyjs

from traceview.analysis import Analysis
from traceview.plots.timeline import timeline


def pack(text: str) -> str:
    """Return gzip in base64; the same bytes for the same text."""
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode("ascii")


@cache
def library() -> str:
    """Return the packed plotly.js that the installed plotly package carries."""
    return pack(get_plotlyjs())


def figure(analysis: Analysis, shapes: int) -> Any:
    """Return the timeline as the page needs it: the page itself prints the legend, the notes and the clock."""
    drawn = timeline(analysis, cap=shapes)
    extra = drawn.layout.margin.b - 34
    drawn.update_layout(showlegend=False, height=drawn.layout.height - extra, margin={"b": 34})
    drawn.update_xaxes(title=None)
    drawn.layout.annotations = tuple(note for note in drawn.layout.annotations if note.yshift is None)
    return drawn
