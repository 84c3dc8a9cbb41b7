"""One row a fact where several files of a capture tell of it: reports kept twice, processes in four snapshots.

So do PowerLogs of one device that overlap. Works on small tables; those of the log are never merged.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np
import pyarrow as pa

from traceview_parsers import schema
from traceview_parsers.combinations import combinations
from traceview_parsers.schema_powerlog import POWER_SCHEMAS

Row = dict[str, Any]
Longs = np.ndarray[Any, np.dtype[np.int64]]

_SECOND: Final = 1_000_000_000
_ONE_CAPTURE: Final = 600 * _SECOND
"""Heuristic: snapshots within ten minutes of each other belong to one capture; a sysdiagnose takes a few minutes."""
_OVERLAPPING: Final = {*POWER_SCHEMAS} - {"power_audio_routing", "power_thermal", "power_modes", "clock_steps"}
"""Tables of which equal rows of several PowerLogs count once; of the others a row tells something beside the one before it."""
_COPY_SUFFIXES: Final = (".gz", ".synced", ".beta", ".ca")


def merged(table: str, batches: Iterator[Any], names: Sequence[str], *, several: bool = True) -> Iterator[Any]:
    """Yield the batches of `table` with one row a fact.

    Args:
        table: A name in `schema.SCHEMAS`.
        batches: Of all sources.
        names: Paths of the sources, by index.
        several: Whether more than one source has the table.
    """
    if table in _OVERLAPPING and several:
        yield from distinct(batches)
        return
    merge = _MERGES.get(table)
    if merge is None:
        yield from batches
        return
    known = schema.SCHEMAS[table]
    rows = [row for batch in batches for row in _with_integer_times(batch)]
    yield pa.RecordBatch.from_pylist(merge(rows, names), schema=known)


def distinct(batches: Iterator[Any]) -> Iterator[Any]:
    """Yield the rows of all sources, of equal ones as many as the source has that has most of them.

    PowerLogs of one device overlap: each holds days, and a sysdiagnose has one or several.
    """
    told = list(batches)
    facts = pa.Table.from_batches(told).drop_columns("ref").combine_chunks() if told else None
    if facts is None or not facts.num_rows:
        yield from told
        return
    _, places = combinations([pa.concat_arrays(column.chunks) for column in facts.columns])
    refs = np.concatenate([batch.column("ref").to_numpy() for batch in told])
    sources = (refs >> np.uint64(schema.REF_POSITION_BITS)).astype(np.int64)
    is_first = pa.array(_first_of_each(places, _which(places, sources)))
    at = 0
    for batch in told:
        yield batch.filter(is_first[at : at + batch.num_rows])
        at += batch.num_rows


def _which(places: Longs, sources: Longs) -> Longs:
    """Return of each row how many equal ones of its source stand before it."""
    order = np.lexsort((places, sources))
    begins = np.r_[True, (np.diff(places[order]) != 0) | (np.diff(sources[order]) != 0)]
    rows = np.arange(len(order))
    before = np.empty(len(order), np.int64)
    before[order] = rows - np.maximum.accumulate(np.where(begins, rows, 0))
    return before


def _first_of_each(*keys: Longs) -> Any:
    """Return which rows are the first of their combination of keys."""
    order = np.lexsort(keys)
    begins = np.any([np.r_[True, np.diff(key[order]) != 0] for key in keys], axis=0)
    first = np.empty(len(order), np.bool_)
    first[order] = begins
    return first


def _with_integer_times(batch: Any) -> list[Row]:
    """Return rows with times as integer nanoseconds: Python's own times end at microseconds."""
    columns = [
        column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
        for column in (batch.column(index) for index in range(batch.num_columns))
    ]
    rows: list[Row] = pa.RecordBatch.from_arrays(columns, names=batch.schema.names).to_pylist()
    return rows


def _source(row: Row) -> int:
    return schema.split_ref(row["ref"])[0]


def reports(rows: list[Row], names: Sequence[str]) -> list[Row]:
    """Merge reports of one incident: the same incident id, else the same process, kind and second, else the same words.

    The row with most facts counts, the others fill its gaps; ``sources`` names all files, the row's own first. Rows of
    one file (the victims of a jetsam event) stay apart.
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    seconds: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    ordinals: dict[tuple[Any, ...], int] = defaultdict(int)
    for row in sorted(rows, key=lambda row: row["incident"] is None):
        moment = None if row["time"] is None else row["time"] // _SECOND
        loose: tuple[Any, ...] = (row["process"], row["kind"], moment)
        told = (row["incident"].upper(), row["process"]) if row["incident"] else loose
        ordinal = ordinals[_source(row), *told]
        ordinals[_source(row), *told] += 1
        key: tuple[Any, ...] = (*told, ordinal)
        if row["incident"] is None and moment is not None and row["process"] is not None:
            key = seconds.get((*loose, ordinal), key)
        elif row["incident"] is None:
            key = (*_said(row), ordinal)  # without a time only a copy of every word is the same report
        seconds.setdefault((*loose, ordinal), key)
        groups.setdefault(key, []).append(row)
    return sorted((_one_report(group, names) for group in groups.values()), key=lambda row: int(row["ref"]))


def _said(row: Row) -> tuple[str, ...]:
    return tuple(f"{key}={value}" for key, value in row.items() if key not in {"ref", "sources"} and value is not None)


def _one_report(group: list[Row], names: Sequence[str]) -> Row:
    best = max(group, key=lambda row: (sum(value is not None for value in row.values()), -row["ref"]))
    others = [row for row in group if row is not best]
    indices = dict.fromkeys(_source(row) for row in (best, *others))
    row = _filled([best, *others])
    return row | {"sources": [names[index] for index in indices if index < len(names)]}


def _filled(rows: Sequence[Row]) -> Row:
    """Return the first row with its gaps filled from the others, in their order."""
    row = dict(rows[0])
    for other in rows[1:]:
        row |= {key: value for key, value in other.items() if row.get(key) is None and value is not None}
    return row


def of_first_report(rows: list[Row], names: Sequence[str]) -> list[Row]:
    """Keep the rows of one report an incident (jetsam events, counts and stackshots kept twice)."""
    del names
    first: dict[str, int] = {}
    for row in rows:
        if row["incident"]:
            first.setdefault(row["incident"].upper(), _source(row))
    return [row for row in rows if not row["incident"] or first[row["incident"].upper()] == _source(row)]


def processes(rows: list[Row], names: Sequence[str]) -> list[Row]:
    """Merge what ``ps``, ``taskinfo``, ``jetsam_priority`` and ``spindump`` tell of one process; first come, first served."""
    groups: dict[int, list[list[Row]]] = defaultdict(list)
    lone = []
    for row in rows:
        if row["pid"] is None:
            lone.append([row])
            continue
        fitting = (group for group in groups[row["pid"]] if _same_process(group[0], row))
        group = next(fitting, None)
        if group is None:
            groups[row["pid"]].append([row])
        else:
            group.append(row)
    every = [*(group for of_pid in groups.values() for group in of_pid), *lone]
    return [
        _filled(group) | {"witnesses": [names[index] for index in dict.fromkeys(map(_source, group))]}
        for group in sorted(every, key=lambda group: int(group[0]["ref"]))
    ]


def _same_process(one: Row, other: Row) -> bool:
    apart = one["time"] is not None and other["time"] is not None and abs(one["time"] - other["time"]) > _ONE_CAPTURE
    first, second = one["process"] or "", other["process"] or ""
    return not apart and (first.startswith(second) or second.startswith(first))  # the kernel cuts long names


def listed_reports(rows: list[Row], names: Sequence[str]) -> list[Row]:
    """Tell of each report that a listing names whether it is in the capture."""
    present = {_file_name(name) for name in names}
    return [row | {"in_capture": _file_name(row["name"]) in present} for row in rows]


def _file_name(path: str) -> str:
    name = PurePosixPath(path).name
    while name.endswith(_COPY_SUFFIXES):
        name = name.rpartition(".")[0]
    return name


_MERGES: Final[dict[str, Callable[[list[Row], Sequence[str]], list[Row]]]] = {
    "reports": reports,
    "jetsam_processes": of_first_report,
    "jetsam_counts": of_first_report,
    "stackshot_processes": of_first_report,
    "processes_at_capture": processes,
    "listed_reports": listed_reports,
}
