"""Colours, marker symbols and patterns of figures.

Hues are those of Okabe and Ito's palette ("Color Universal Design", 2008), which people with any colour vision
deficiency tell apart, darkened or greyed where they must read on white as well as on near-black. No meaning rests on
hue alone: states that matter carry a pattern, instants a symbol, and everything a hover text.
"""

from typing import Any, Final

from msgspec import Struct

BLUE: Final = "#1779bd"
SKY: Final = "#56b4e9"
GREEN: Final = "#009e73"
ORANGE: Final = "#e69f00"
VERMILLION: Final = "#d55e00"
PURPLE: Final = "#cc79a7"
GREY: Final = "#8b929c"
RED: Final = "#d0343b"
TEXT: Final = "#7b8490"
GRID: Final = "rgba(127,134,144,0.22)"
FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

OVERVIEW_OPACITY: Final = 0.45


def faded(color: str) -> str:
    """Return a hexadecimal colour as the colour of an overview; any other as it is."""
    if not color.startswith("#"):
        return color
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{OVERVIEW_OPACITY})"


CONFIG: Final[dict[str, Any]] = {
    "showSendToCloud": False,
    "plotlyServerURL": "",
    "displaylogo": False,
    "displayModeBar": False,
    "doubleClick": "reset",
    "responsive": True,
}
"""Configuration for every display of a figure: plotly.js 4 offers to upload a chart unless it is told not to.

Hand over a copy: plotly takes an entry out of what it is given.
"""


class Look(Struct, frozen=True):
    """How one class of shapes is drawn.

    Attributes:
        name: For the legend.
        color: Fill.
        pattern: Plotly bar pattern, drawn over the fill.
        symbol: Marker for shapes that are too short to see; empty for none.
    """

    name: str
    color: str
    pattern: str = ""
    symbol: str = ""


SEVERITY: Final[dict[str, Look]] = {
    "critical": Look("critical", RED, symbol="x"),
    "high": Look("high", VERMILLION, symbol="diamond"),
    "medium": Look("medium", ORANGE, symbol="triangle-up"),
    "low": Look("low", SKY, symbol="circle"),
    "info": Look("info", GREY, symbol="circle-open"),
}
"""Looks of findings by the name of their severity."""
