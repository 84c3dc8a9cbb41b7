"""Single pasted lines, of any layout or bare: what ``traceview signals match`` prints for each.

A line stands alone. Bare messages have no process, so they are recognised by their text where it is specific enough.
"""

from collections.abc import Sequence

import polars as pl

from traceview.signals.catalogue import Catalogue
from traceview.signals.matcher import match
from traceview.signals.vocabulary import FIELDS
from traceview_parsers.device_syslog.lines import split_lines
from traceview_parsers.schema import REF_POSITION_BITS


def match_lines(lines: Sequence[str], using: Catalogue | None = None) -> pl.DataFrame:
    """Recognise each line on its own.

    Args:
        lines: Raw text lines, with or without line ends.
        using: Another catalogue than the built-in one.

    Returns:
        One row a line, in order: ``line`` (1-based), ``signal`` and ``kind`` (null where no signal fits), then one
        column for each field of the vocabulary.
    """
    numbers = pl.DataFrame({"line": pl.int_range(1, len(lines) + 1, dtype=pl.UInt64, eager=True)})
    rows = pl.DataFrame(split_lines(lines)) if lines else pl.DataFrame({"ref": [], "message": []})
    events = match(_with_whole_lines(rows, lines), using)
    position = (pl.col("ref") & ((1 << REF_POSITION_BITS) - 1)).cast(pl.UInt64)
    found = events.select(position.alias("line"), "signal", "kind", *FIELDS)
    return numbers.join(found, on="line", how="left", maintain_order="left")


def to_ndjson(matches: pl.DataFrame) -> str:
    """Return one JSON object a row of `match_lines`: ``line``, ``signal``, ``kind``, ``fields`` (only those that are set)."""
    pairs = []
    for name, kind in FIELDS.items():
        value = pl.struct(pl.col(name).alias("v")).struct.json_encode().str.slice(5).str.strip_suffix("}")
        if kind == pl.Boolean():
            value = pl.when(pl.col(name)).then(pl.lit("true")).otherwise(pl.lit("false"))
        pairs.append(pl.when(pl.col(name).is_not_null()).then(pl.concat_str(pl.lit(f'"{name}":'), value)))
    fields = pl.concat_str(pairs, separator=",", ignore_nulls=True)
    head = pl.struct("line", "signal", "kind").struct.json_encode().str.strip_suffix("}")
    text = matches.select(row=pl.concat_str(head, pl.lit(',"fields":{'), fields, pl.lit("}}")))
    return "".join(f"{row}\n" for row in text["row"])


def _with_whole_lines(rows: pl.DataFrame, lines: Sequence[str]) -> pl.DataFrame:
    """Replace an empty message by the whole line: some layouts take a short bare message for a prefix."""
    if "ref" not in rows.columns or rows.is_empty():
        return pl.DataFrame(schema={"ref": pl.UInt64, "message": pl.String})
    whole = pl.Series("whole", list(lines), dtype=pl.String)
    position = (pl.col("ref") & ((1 << REF_POSITION_BITS) - 1)).cast(pl.UInt32) - 1
    empty = pl.col("message").cast(pl.String).str.strip_chars() == ""
    return rows.with_columns(message=pl.when(empty).then(pl.lit(whole).gather(position)).otherwise(pl.col("message").cast(pl.String)))
