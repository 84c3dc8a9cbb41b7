"""Real records printed in each style and read back: every field that a style prints survives.

Which lines are Apple's own: ``shared/real/log_text`` (headers, columns, activities) and public quotations of ``log show``
for boots (``0x0        Timesync    0x0                  0      0    === system boot: …``).
"""

import re
from datetime import UTC, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from traceview_parsers import ReadOptions, log_styles, open_trace, schema

ZONE = timezone(timedelta(hours=-8))
PRINTED = {
    "ndjson": ("time", "pid", "tid", "level", "event", "process", "sender", "subsystem", "category", "message"),
    "json": ("time", "pid", "tid", "level", "event", "process", "sender", "subsystem", "category", "message"),
    "default": ("time", "pid", "tid", "level", "event", "process", "sender", "subsystem", "category", "message", "ttl"),
    "syslog": ("time", "pid", "process", "sender", "subsystem", "category", "message"),
    "compact": ("time", "pid", "tid", "level", "event", "process", "subsystem", "category", "message"),
}
SIGNPOSTS = ("signpost_id", "signpost_name", "signpost_type", "signpost_scope")
TICK = {"compact": 1_000_000}
"""Nanoseconds in the last digit of a time, where it is not a microsecond."""


@pytest.fixture(scope="module")
def records(real: Path) -> Any:
    """All activities, signposts, losses, state dumps and marks, faults and multi-line messages; every tenth of the rest."""
    with open_trace(real / "logarchive" / "macos12.logarchive.tar.gz") as trace:
        batches = [batch for batch in trace.sources_of("log")[0].in_order() if batch.num_rows]
    table = pa.Table.from_batches(batches, schema.SCHEMAS["log"])
    kinds = table["event"].cast(pa.string()).to_pylist()
    levels = table["level"].cast(pa.string()).to_pylist()
    messages = table["message"].to_pylist()
    chosen = [
        row
        for row, (kind, level, text) in enumerate(zip(kinds, levels, messages, strict=True))
        if kind != "log" or level == "fault" or row % 10 == 0 or "\n" in text.strip("\n")
    ]
    return table.take(pa.array(chosen)).combine_chunks()


def plain(table: Any) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))


def as_printed(frame: pl.DataFrame, style: str) -> pl.DataFrame:
    """Return what a style can tell of records: no empty names, no line break at the end of a message, 0 for no number."""
    return frame.select(
        (pl.col("time").cast(pl.Int64) // TICK.get(style, 1000)).alias("time"),
        pl.col("pid", "tid", "ttl").cast(pl.Int64).fill_null(0),
        pl.col("process", "subsystem", "category", "level", "event").replace("", None),
        # The text styles leave out a library that is the process itself.
        sender=pl.when((pl.col("sender") != pl.col("process")) & (pl.col("sender") != "")).then(pl.col("sender")),
        message=pl.col("message").str.strip_chars_end("\r\n"),
        **{name: pl.col(name) for name in SIGNPOSTS},
    )


def test_the_slice_holds_what_the_styles_print_apart(records: Any) -> None:
    frame = plain(records)
    assert set(frame["event"]) == {"log", "activity", "signpost", "loss", "state", "timesync"}
    assert {"default", "info", "debug", "error", "fault"} <= set(frame["level"])
    assert frame["message"].str.strip_chars_end("\n").str.contains("\n").sum() > 100


@pytest.mark.parametrize("style", log_styles.STYLES)
def test_real_records_are_read_back(records: Any, style: str, tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    (batch,) = records.to_batches()
    text = b"".join(bytes(part) for part in log_styles.render(batch, style, ZONE))
    path.write_bytes(log_styles.header(style) + text + log_styles.footer(style, batch.num_rows))
    with open_trace(path, ReadOptions(tz=ZONE)) as trace:
        read = pa.Table.from_batches(trace.batches("log"), schema.SCHEMAS["log"])
        assert list(trace.problems) == []
    assert read.num_rows == batch.num_rows
    expected, found = as_printed(plain(records), style), as_printed(plain(read), style)
    for name in (*PRINTED[style], *SIGNPOSTS):
        different = (~expected[name].eq_missing(found[name])).arg_true().to_list()
        assert not different, (name, expected[name][different[0]], found[name][different[0]])


@pytest.mark.parametrize(
    ("name", "style"),
    [
        ("log_show_default.txt", "default"),
        ("log_stream_default_ios.txt", "default"),
        ("log_show_compact_simulator.txt", "compact"),
        ("log_show_compact_multiline.txt", "compact"),
        ("log_show_compact_multiline_tab.txt", "compact"),
        ("log_stream_syslog.txt", "syslog"),
    ],
)
def test_apples_own_lines_are_printed_again_letter_by_letter(real: Path, name: str, style: str) -> None:
    path = real / "log_text" / name
    text = path.read_text()
    stamp = re.search(r"\.\d{6}([+-]\d\d)(\d\d)", text)
    zone = timezone(timedelta(hours=int(stamp[1]), minutes=int(stamp[2]))) if stamp else UTC
    with open_trace(path, ReadOptions(tz=zone)) as trace:
        (batch,) = pa.Table.from_batches(trace.batches("log"), schema.SCHEMAS["log"]).combine_chunks().to_batches()
    printed = log_styles.header(style) + b"".join(bytes(part) for part in log_styles.render(batch, style, zone))
    theirs = text[text.index("Timestamp ") :].splitlines()  # the lines before tell of filters and users
    ours = printed.decode().splitlines()
    assert ours[0].rstrip() == theirs[0].rstrip()  # whoever quoted it may have cut blanks
    assert ours[1:] == theirs[1:]


def test_a_boot_as_log_show_prints_it_has_no_process(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    # Both lines as quoted in public.
    path.write_text(
        "2020-04-29 09:46:04.022430+0900 0x0        Timesync    0x0                  0      0    "
        "=== system boot: C4C57548-7964-483A-A0E9-8FD49A6088C6\n"
        "2020-04-29 09:46:04.683152+0900 0xa9       Default     0x0                  0      0    "
        "kernel: (AppleSMC) Previous shutdown cause: 5\n"
    )
    with open_trace(path) as trace:
        boot, other = trace.table("log").select(["event", "process", "sender", "message"]).to_pylist()
    assert tuple(boot.values()) == ("timesync", None, None, "=== system boot: C4C57548-7964-483A-A0E9-8FD49A6088C6")
    assert tuple(other.values()) == ("log", "kernel", "AppleSMC", "Previous shutdown cause: 5")
