"""What the files that describe a capture tell of the analysed apps: their processes at that moment, and limits on their log."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import polars as pl
from msgspec import Struct

from traceview_parsers.clock import offset_text
from traceview_parsers.schema import REF_POSITION_BITS

Row = dict[str, Any]
_THREADS: Final = 3
_BYTES: Final = ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB"), (1, "bytes"))
"""Powers of 1,024, as these tools count."""


class Fact(Struct, frozen=True):
    """One line: what it is about, whose, what is told, and who tells it.

    `source` is the index of the source, `files` are all that tell it where there are several.
    """

    title: str
    who: str
    told: str
    source: int
    files: tuple[str, ...] = ()


def capture_facts(tables: Mapping[str, pl.DataFrame], processes: pl.DataFrame, apps: Sequence[str]) -> list[Fact]:
    """Return what ``processes_at_capture``, ``threads_at_capture``, ``log_volume``, ``shutdown_clients`` and ``time_zones`` tell.

    Args:
        tables: Source tables by name; those that are missing tell nothing.
        processes: Episode table ``processes``: which pid and name an app has.
        apps: Bundle ids, most relevant first.
    """
    own = processes.filter(pl.col("app").is_in(apps) & pl.col("is_app").fill_null(value=False)).select("app", "pid", "process")  # fmt: skip
    told = [
        *_processes(_of_apps(tables.get("processes_at_capture"), own, ["pid"])),
        *_threads(_of_apps(tables.get("threads_at_capture"), own, ["pid"])),
        *_shutdowns(_of_apps(tables.get("shutdown_clients"), own, [])),
        *_quarantined(tables.get("log_volume")),
        *_zones(tables.get("time_zones")),
    ]
    order = {app: at for at, app in enumerate(apps)}
    return sorted(told, key=lambda fact: order.get(fact.who.partition(" (")[0], len(order)))


def _of_apps(table: pl.DataFrame | None, own: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Return the rows about processes of apps, with ``app``: by `keys` and by name, which a sidecar may cut.

    Pids say nothing of a shutdown: another boot gave them.
    """
    if table is None:
        return pl.DataFrame()
    known = own.drop_nulls().select("app", *keys, known_name="process").unique(maintain_order=True)
    how: Literal["inner", "cross"] = "inner" if keys else "cross"
    named = table.join(known, on=keys or None, how=how, maintain_order="left")
    name, known_name = pl.col("process"), pl.col("known_name")
    same = known_name.str.starts_with(name) | name.str.starts_with(known_name)
    return named.filter(same.fill_null(value=False)).unique("ref", maintain_order=True)


def _processes(rows: pl.DataFrame) -> Iterator[Fact]:
    for row in rows.iter_rows(named=True):
        parts = [
            "suspended" if row["suspended"] else "",
            f"role {row['role']}" if row["role"] else "",
            "in the scheduler's background band" if row["darwin_background"] else "",
            f"jetsam priority {row['jetsam_priority']}" if row["jetsam_priority"] is not None else "",
            f"band {row['jetsam_band']}" if row["jetsam_band"] else "",
            _memory(row),
            f"{row['threads']} threads" if row["threads"] else "",
            f"{row['cpu_time_s']:,.1f} s of CPU" if row["cpu_time_s"] is not None else "",
            f"{row['run_time_s']:,.0f} s since launch" if row["run_time_s"] is not None else "",
        ]
        yield _fact("Process at the capture", f"{row['app']} ({row['pid']})", parts, row)


def _memory(row: Row) -> str:
    used, limit = row["footprint_bytes"], row["jetsam_limit_bytes"]
    if used is None:
        return ""
    return f"{_size(used)} of memory" + (f", limit {_size(limit)}" if limit else "")


def _threads(rows: pl.DataFrame) -> Iterator[Fact]:
    """Name the threads with the highest priority: audio runs there."""
    if rows.is_empty():
        return
    for _, own in rows.group_by("app", "pid", maintain_order=True):
        named = own.filter(pl.col("name").is_not_null() | pl.col("queue").is_not_null())
        first = named.sort("priority", descending=True, nulls_last=True, maintain_order=True).head(_THREADS)
        parts = [f"{own.height} in all", *(_thread(row) for row in first.iter_rows(named=True))]
        row = own.row(0, named=True)
        yield _fact("Threads at the capture", f"{row['app']} ({row['pid']})", parts, row)


def _thread(row: Row) -> str:
    facts = [
        f"priority {row['priority']}" if row["priority"] is not None else "",
        (row["state"] or "").removeprefix("TH_STATE_").lower(),
        f"{row['cpu_time_s']:.3f} s of CPU" if row["cpu_time_s"] is not None else "",
    ]
    told = ", ".join(fact for fact in facts if fact)
    return f"{row['name'] or row['queue']}" + (f" ({told})" if told else "")


def _shutdowns(rows: pl.DataFrame) -> Iterator[Fact]:
    for row in rows.iter_rows(named=True):
        when = f" of {row['time']:%Y-%m-%d %H:%M} UTC" if row["time"] is not None else ""
        waited = f" {row['waited_s']:.1f} s into" if row["waited_s"] is not None else " during"
        yield _fact("Shutdown", f"{row['app']} ({row['pid']})", [f"still ran{waited} the shutdown{when}"], row)


def _quarantined(volume: pl.DataFrame | None) -> Iterator[Fact]:
    if volume is None:
        return
    for row in volume.filter(pl.col("record") == "quarantine").drop_nulls("process").iter_rows(named=True):
        part = f"{_size(row['bytes'])}" if row["bytes"] is not None else "more than its share"
        whole = f" of {_size(row['total_bytes'])}" if row["total_bytes"] else ""
        text = f"logged {part}{whole} and was put under quarantine: logd keeps its lines for a shorter time"
        yield _fact("Log volume", row["process"], [text], row)


def _zones(zones: pl.DataFrame | None) -> Iterator[Fact]:
    """Tell changes of the zone only: a log is printed in one, reports each in their own."""
    if zones is None:
        return
    rows = zones.drop_nulls(["time", "utc_offset_s"]).sort("time")
    changes = rows.filter(pl.col("utc_offset_s").ne_missing(pl.col("utc_offset_s").shift(1)))
    if changes.height > 1:
        parts = [f"{_offset(row['utc_offset_s'])} {row['zone'] or ''}".strip() + f" from {row['time']:%Y-%m-%d %H:%M} UTC" for row in changes.iter_rows(named=True)]  # fmt: skip
        yield _fact("Time zone", "", parts, changes.row(0, named=True))


def _fact(title: str, who: str, parts: Sequence[str], row: Row) -> Fact:
    told = "; ".join(part for part in parts if part)
    return Fact(title, who, told, int(row["ref"]) >> REF_POSITION_BITS, tuple(row.get("witnesses") or ()))


def _size(count: int) -> str:
    unit, name = next((one for one in _BYTES if abs(count) >= one[0]), _BYTES[-1])
    return f"{count / unit:,.1f} {name}" if unit > 1 else f"{count:,} {name}"


def _offset(seconds: int) -> str:
    return f"UTC{offset_text(seconds)}"
