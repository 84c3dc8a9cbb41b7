"""Why did this iOS call glitch, why was the app suspended or killed?

Trace analysis for VoIP and background-mode problems:

    import traceview as tv
    from traceview.plots import CONFIG

    with tv.open("device.logarchive") as capture:
        print(capture.findings)
        capture.timeline().write_html("timeline.html", config=dict(CONFIG))

The plotly library puts an upload button into every figure; its `CONFIG` here leaves it out.
"""

from collections.abc import Sequence
from datetime import date as _date
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from traceview.capture import Capture

__all__ = ["__version__", "open"]

__version__ = "0.1.0"


def open(  # noqa: A001  (tv.open() is the natural name, as in PIL and tarfile)
    source: str | Path | Sequence[str | Path],
    *,
    apps: Sequence[str] = (),
    date: _date | None = None,
    tz: tzinfo | None = None,
) -> "Capture":
    """Open a capture: a file, a folder, an archive, or several that belong together.

    Args:
        source: Path or paths.
        apps: Bundle ids or process names to look at; none: all.
        date: Date of the first line, for layouts without one.
        tz: Zone of times that are printed without one.

    Raises:
        traceview_parsers.errors.InputError: The capture cannot be read.
    """
    from traceview.capture import open_capture  # noqa: PLC0415  (import traceview stays light)
    from traceview_parsers import ReadOptions  # noqa: PLC0415

    return open_capture(source, apps=apps, options=ReadOptions(date=date, tz=tz))
