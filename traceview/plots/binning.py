"""Overviews of lanes with too many shapes: exact time (or count) per class and bin, without drawing each shape."""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from msgspec import Struct

Floats = npt.NDArray[np.float64]


class Bins(Struct, frozen=True):
    """A lane in columns.

    Attributes:
        edges_ms: Bin edges, milliseconds since 1970 UTC; one more than bins.
        shares: By class: share of the bin's height, all classes together at most 1.
        counts: Shapes that touch each bin, all classes together.
        full: What a share of 1 stands for: shapes per bin (instants), or shapes at once.
    """

    edges_ms: Floats
    shares: dict[str, Floats]
    counts: npt.NDArray[np.int64]
    full: float


def milliseconds(column: pl.Series) -> Floats:
    """Return times as float milliseconds since 1970, as plotly counts (exact to a quarter of a microsecond)."""
    return column.dt.timestamp("ns").cast(pl.Float64).to_numpy() / 1e6


def bin_shapes(shapes: pl.DataFrame, edges_ms: Floats, *, instants: bool) -> Bins:
    """Bin shapes (columns `begin`, `finish`, `look`).

    Args:
        shapes: Shapes of one row of a lane.
        edges_ms: Ascending bin edges.
        instants: Count shapes by where they begin instead of measuring the time that they fill.
    """
    begin, finish = milliseconds(shapes["begin"]), milliseconds(shapes["finish"])
    looks = shapes["look"].to_numpy()
    weights: dict[str, Floats] = {}
    for look in shapes["look"].unique(maintain_order=True).to_list():
        chosen = looks == look
        weights[look] = (
            np.histogram(begin[chosen], edges_ms)[0].astype(np.float64)
            if instants
            else _busy(begin[chosen], finish[chosen], edges_ms) / np.diff(edges_ms)
        )
    total: Any = sum(weights.values()) if weights else np.zeros(len(edges_ms) - 1)
    full = max(1.0, float(total.max(initial=0.0)))
    return Bins(
        edges_ms, {look: weight / full for look, weight in weights.items()}, _touching(begin, finish, edges_ms), full
    )


def _busy(begin: Floats, finish: Floats, edges: Floats) -> Floats:
    """Return the milliseconds of each bin that windows fill; windows that overlap count twice.

    The time filled before t is the sum over windows of max(0, t - begin) - max(0, t - finish): two sorted prefix sums.
    """
    origin = edges[0]

    def elapsed(moments: Floats) -> Floats:
        ordered = np.sort(moments - origin)
        sums = np.concatenate(([0.0], np.cumsum(ordered)))
        ticks = edges - origin
        before = np.searchsorted(ordered, ticks, side="right")
        return np.asarray(before * ticks - sums[before], dtype=np.float64)

    return np.maximum(np.diff(elapsed(begin) - elapsed(finish)), 0.0)


def _touching(begin: Floats, finish: Floats, edges: Floats) -> npt.NDArray[np.int64]:
    last = len(edges) - 2
    first_bin = np.clip(np.searchsorted(edges, begin, side="right") - 1, 0, last)
    last_bin = np.clip(np.searchsorted(edges, finish, side="right") - 1, 0, last)
    steps = np.bincount(first_bin, minlength=last + 2) - np.bincount(last_bin + 1, minlength=last + 2)
    return np.cumsum(steps)[: last + 1]
