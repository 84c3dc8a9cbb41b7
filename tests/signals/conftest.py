"""Frames of log rows for signal tests."""

from collections.abc import Callable

import polars as pl
import pytest

Rows = Callable[..., pl.DataFrame]


@pytest.fixture(scope="session")
def log_rows() -> Rows:
    """Build log rows from messages; other columns are given once for all rows or as lists."""

    def build(messages: list[str | None], **columns: object) -> pl.DataFrame:
        frame = pl.DataFrame({"message": messages}, schema={"message": pl.String})
        frame = frame.with_columns(ref=pl.int_range(pl.len(), dtype=pl.UInt64))
        values = [
            pl.Series(name, value, dtype=pl.String) if isinstance(value, list) else pl.lit(value, pl.String).alias(name)
            for name, value in columns.items()
        ]
        return frame.with_columns(values)

    return build
