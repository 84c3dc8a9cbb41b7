"""``logdata.statistics.*.txt`` and ``.jsonl``: how much each process logged, and whom logd put under quarantine.

logd adds a record whenever it begins a new file or drops its memory buffers. The text form was seen on a real iOS 16
archive; the keys of the JSON form (iOS 16.4 and later) and of quarantine records in both forms are logd's own (logd of
iOS 17, format strings). A process under quarantine logs more than its share: its lines are kept for a shorter time.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from traceview_parsers.ips.fields import time_ns
from traceview_parsers.ips.values import whole_text
from traceview_parsers.sysdiagnose.sidecar import SECOND, Place, Reading, Row, integer, last_component

_MARK: Final = "--- !logd "
_PROCESS: Final = re.compile(r"- \[\s*(\d{1,18}),\s*[\d.]+,\s*(\S.*)\]$")
_OFFSET: Final = re.compile(r"(\d)([+-]\d{4})$")
_SHOWN: Final = 3


def is_log_statistics(head: str) -> bool:
    """Whether these first characters are those of either form."""
    return head.startswith(_MARK) or bool(re.match(r'\{[^\n]{0,400}"record"\s*:\s*"logd ', head))


def read_log_statistics(text: str, place: Place) -> Reading:
    """Read the file into ``log_volume``."""
    rows = list(_text_rows(text, place) if text.startswith(_MARK) else _json_rows(text, place))
    quarantined = sorted({row["process"] for row in rows if row["record"] == "quarantine" and row["process"]})
    notes = ["log volume of each process"]
    if quarantined:
        shown = ", ".join(quarantined[:_SHOWN]) + (
            f" and {len(quarantined) - _SHOWN} more" if quarantined[_SHOWN:] else ""
        )
        notes.append(f"logd cut down what these processes logged too much: {shown}")
    return Reading({"log_volume": rows}, tuple(notes), clock="printed with zone", certainty_ns=SECOND)


def _text_rows(text: str, place: Place) -> Iterator[Row]:
    record: dict[str, str] = {}
    misfits: list[int] = []
    begin = 0
    processes: list[tuple[int, re.Match[str]]] = []
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith(_MARK):
            yield from _text_record(record, begin, processes, place)
            record, processes, begin = {"record": stripped.removeprefix(_MARK).split(" ", 1)[0]}, [], number
        elif stripped.startswith("- ["):
            match = _PROCESS.match(stripped)
            if match:
                processes.append((number, match))
            else:
                misfits.append(number)
        elif ":" in stripped and begin:
            key, _, value = stripped.partition(":")
            record[key.strip()] = value.strip()
        elif stripped:
            misfits.append(number)
    yield from _text_record(record, begin, processes, place)
    place.misfits(misfits)


def _text_record(
    record: dict[str, str], begin: int, processes: list[tuple[int, re.Match[str]]], place: Place
) -> Iterator[Row]:
    shared: Row = {
        "time": time_ns(_OFFSET.sub(r"\1 \2", record.get("time", ""))),
        "record": record.get("record"),
        "reason": record.get("type", "").replace("Quaratine", "Quarantine") or None,
        "file": record.get("file"),
        "total_bytes": integer(record.get("total") or record.get("overall total")),
    }
    for number, match in processes:
        yield {"ref": place.ref(number), **shared, **_process(match[2].rstrip()), "bytes": int(match[1])}
    if "client" in record:
        covered = integer(record.get("time covered"))
        yield {
            "ref": place.ref(begin),
            **shared,
            **_process(record["client"]),
            "bytes": integer(record.get("client total")),
            "covered_s": None if covered is None else float(covered),
        }


def _json_rows(text: str, place: Place) -> Iterator[Row]:
    misfits = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            record = whole_text(json.loads(line))
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict) or not str(record.get("record", "")).startswith("logd "):
            misfits.append(number)
            continue
        yield from _json_record(record, number, place)
    place.misfits(misfits)


def _json_record(record: dict[str, Any], number: int, place: Place) -> Iterator[Row]:
    seconds = _whole(record.get("unixTime"))
    kind = str(record["record"]).removeprefix("logd ")
    reason = record.get("type")
    if kind == "quarantine":
        reason = "Super Quarantine" if record.get("superQuarantine") is True else "Quarantine"
    shared: Row = {
        "ref": place.ref(number),
        "time": seconds * SECOND if seconds is not None and 0 < seconds < 1 << 33 else None,
        "record": kind,
        "reason": reason if isinstance(reason, str) else None,
        "file": record["file"] if isinstance(record.get("file"), str) else None,
        "total_bytes": _whole(record.get("totalBytes")),
    }
    entries = record.get("processList")
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("process"), str):
            yield {**shared, **_process(entry["process"]), "bytes": _whole(entry.get("sizeBytes"))}
    if isinstance(record.get("client"), str):
        covered = _whole(record.get("timeCovered"))
        yield {
            **shared,
            **_process(record["client"]),
            "bytes": _whole(record.get("sizeBytes")),
            "covered_s": None if covered is None else float(covered),
        }


def _process(path: str) -> Row:
    return {"process": last_component(path) or None, "process_path": path}


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 62 else None
