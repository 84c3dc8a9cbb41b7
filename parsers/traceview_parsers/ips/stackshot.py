"""Stackshots: every process at one moment. JSON of iOS 9 and later (288, also in forced resets), text of iOS 8 and earlier (188).

``processByPid`` as in a real forced reset of iOS 16.2; the text blocks ``Process N info:`` as in a real stackshot of iOS 7.1.2.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from traceview_parsers.ips.values import Row, digits, integer, mapping, pid, real, several

_PROCESS: Final = re.compile(r"^Process (\d{1,9}) info:$", re.MULTILINE)
_THREADS: Final = re.compile(r"^Process (\d{1,9}) (.*) threads:$", re.MULTILINE)
_THREAD: Final = re.compile(r"^thread 0x", re.MULTILINE)
_FIELD: Final = re.compile(r"^\t([\w -]+?):\s+([\d.]+)", re.MULTILINE)


def processes(body: dict[str, Any]) -> list[Row]:
    """Return one row a process of a JSON body (columns of ``stackshot_processes`` without identity)."""
    return [_process(key, one) for key, one in mapping(body.get("processByPid")).items() if isinstance(one, dict)]


def _process(key: str, one: dict[str, Any]) -> Row:
    times = [time for time in (real(one.get("userTimeTask")), real(one.get("systemTimeTask"))) if time is not None]
    name = one.get("procname")
    return {
        "pid": pid(one.get("pid")) if "pid" in one else digits(key),
        "process": name if isinstance(name, str) and name else None,
        "resident_bytes": integer(one.get("residentMemoryBytes")),
        "times_throttled": integer(one.get("timesThrottled")),
        "suspend_count": integer(one.get("suspendCount")),
        "cpu_time_s": sum(times) if times else None,
        "threads": len(mapping(one.get("threadById"))),
        "flags": " ".join(str(flag) for flag in several(one.get("flags"))) or None,
    }


def text_processes(text: str) -> list[Row]:
    """Return one row a process of a text body."""
    return list(_blocks(text))


def _blocks(text: str) -> Iterator[Row]:
    starts = list(_PROCESS.finditer(text))
    for number, start in enumerate(starts, 1):
        block = text[start.end() : starts[number].start() if number < len(starts) else None]
        named = _THREADS.search(block)
        told = dict(_FIELD.findall(block[: named.start() if named else None]))
        times = [
            float(told[key])
            for key in ("user   time in task", "system time in task")
            if key in told and re.fullmatch(r"\d{1,15}(?:\.\d{1,9})?", told[key])
        ]
        yield {
            "pid": int(start[1]),
            "process": named[2] if named else None,
            "resident_bytes": digits(told.get("resident memory bytes")),
            "times_throttled": digits(told.get("times throttled")),
            "suspend_count": None,
            "cpu_time_s": sum(times) if times else None,
            "threads": len(_THREAD.findall(block)),
            "flags": None,
        }
