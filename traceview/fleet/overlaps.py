"""Captures that show the same calls: of one device, saved again and again while its log grew.

A call is known again by its app and the moment it began, to the nanosecond: two devices have none in common.
"""

from typing import Any, Final

import polars as pl

CALL: Final = ("app", "start")
"""What tells a call of a capture from others, and is the same in another capture of it."""

DEVICE: Final = ("model", "os_name", "os_version", "os_build", "releases")
"""What is the same in all captures of a device between two updates; ``releases``: apps and their versions."""


def contained(captures: pl.DataFrame, calls: pl.DataFrame, silent: pl.DataFrame) -> pl.Series:
    """Return the keys of captures of which another one shows all: it would count their findings once more.

    The other one is of the same device as far as is told, covers the time, shows each of their calls, and could evaluate each
    rule that they could. Of equal ones the first by key stays. What shows no call is never taken to be contained.

    Args:
        captures: Columns ``capture``, ``start``, ``end`` and `DEVICE`.
        calls: Columns ``capture``, ``app`` and ``start``.
        silent: Columns ``capture`` and ``rule``: the rules that could not be evaluated.
    """
    pairs = _sharing(calls)
    counts = calls.group_by("capture").agg(calls=pl.struct(CALL).n_unique())
    device = pl.concat_str(pl.col(name).fill_null("") for name in DEVICE)
    spans = captures.select("capture", since="start", until="end", device=device)
    rules = silent.unique(["capture", "rule"])
    lacks = rules.group_by("capture").agg(pl.col("rule"))
    found = (
        pairs.join(counts, on="capture")
        .filter(pl.col("common") == pl.col("calls"))
        .join(spans, on="capture")
        .join(_as_other(spans), on="other")
        .filter(
            pl.col("other_since") <= pl.col("since"),
            pl.col("other_until") >= pl.col("until"),
            pl.col("other_device") == pl.col("device"),
        )
        .join(lacks, on="capture", how="left")
        .join(_as_other(lacks), on="other", how="left")
        .filter(_empty("other_rule").list.set_difference(_empty("rule")).list.len() == 0)
    )
    # Two that contain each other are equal: one of them must stay.
    back = found.select(capture="other", other="capture", mutual=pl.lit(value=True))
    gone = found.join(back, on=["capture", "other"], how="left").filter(
        pl.col("mutual").is_null() | (pl.col("other") < pl.col("capture"))
    )
    return gone["capture"].unique().sort()


def overlapping(calls: pl.DataFrame) -> int:
    """Return how many captures show a call that another one shows too. Columns as those of `contained`."""
    return _sharing(calls)["capture"].n_unique()


def _sharing(calls: pl.DataFrame) -> pl.DataFrame:
    """Return how many calls each two captures have in common: ``capture``, ``other``, ``common``; both ways round."""
    known = calls.drop_nulls(CALL).select("capture", *CALL).unique()
    several = known.filter(pl.len().over(CALL) > 1)
    pairs = several.join(several.rename({"capture": "other"}), on=CALL).filter(pl.col("capture") != pl.col("other"))
    return pairs.group_by("capture", "other").agg(common=pl.len())


def _as_other(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.rename({name: "other" if name == "capture" else f"other_{name}" for name in frame.columns})


def _empty(column: str) -> Any:
    return pl.coalesce(column, pl.lit([], pl.List(pl.String)))
