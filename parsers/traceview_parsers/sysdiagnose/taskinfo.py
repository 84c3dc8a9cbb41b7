"""``taskinfo.txt``: run time, CPU, memory and scheduling of each task and its threads at the moment of the capture.

Layout (fields as quoted in the tests of EC-DIGIT-CSIRC/sysdiagnose, iOS 13 to 18): ``num tasks: N``, then for each task
``process: "NAME" [PID] …`` with ``key: value`` lines, ``threads:``, and a block of indented lines for each thread that
begins with ``thread ID: 0xHEX / DECIMAL``. Keys that are not listed here are left out.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from traceview_parsers.sysdiagnose.sidecar import SECOND, TAKES_NS, Place, Reading, Row, real, short_integer, size, yes

_PROCESS: Final = re.compile(r'process:\s+"(.*)"\s+\[(\d{1,10})\]')
_THREAD: Final = re.compile(r"thread ID:\s+0x([0-9a-fA-F]{1,16})\b")
_MEMORY: Final = {
    "footprint_bytes": re.compile(r"phys_footprint bytes:\s*([^;]+)"),
    "footprint_peak_bytes": re.compile(r"phys_footprint lifetime maximum bytes:\s*([^;]+)"),
}
_TASK_TIMES: Final = ("user/system time    (current threads)", "user/system time (terminated threads)")
_THREAD_FIELDS: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "run state": ("state", str),
    "policy": ("policy", str),
    "eff thread qos": ("qos", str),
    "timeshare base priority": ("base_priority", short_integer),
    "timeshare cur  priority": ("priority", short_integer),
    "fixed      priority": ("base_priority", short_integer),
    "eff darwin BG": ("darwin_background", yes),
    "thread name": ("name", str),
}


def is_taskinfo(head: str) -> bool:
    """Whether these first characters are those of ``taskinfo.txt``."""
    return head.lstrip().startswith("num tasks:") or (_PROCESS.search(head) is not None and "run time:" in head)


def read_taskinfo(text: str, place: Place) -> Reading:
    """Read the file into ``processes_at_capture`` (launch time = capture - run time) and ``threads_at_capture``."""
    tasks: list[Row] = []
    threads: list[Row] = []
    misfits: list[int] = []
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("process:"):
            found = _PROCESS.match(stripped)
            if found is None:
                misfits.append(number)
                continue
            tasks.append(_task(found, place, number))
        elif stripped.startswith("thread ID:") and tasks:
            begun = _THREAD.match(stripped)
            # The first thread of a task is announced twice in a row.
            if begun is None:
                misfits.append(number)
            elif not (threads and threads[-1]["line"] == number - 1 and threads[-1]["tid"] == int(begun[1], 16)):
                threads.append(_thread(tasks[-1], int(begun[1], 16), place, number))
                tasks[-1]["threads"] += 1
            else:
                threads[-1]["line"] = number
        elif ":" in stripped and tasks:
            key, _, value = stripped.partition(":")
            if tasks[-1]["threads"]:
                _add_to_thread(threads[-1], key, value.strip())
            else:
                _add_to_task(tasks[-1], key, stripped, value.strip())
    place.misfits(misfits, message="tasks or threads without a number")
    declared = re.match(r"\s*num tasks:\s*(\d{1,9})", text)
    _tell_a_cut(text, int(declared[1]) if declared else 0, len(tasks), place)
    note = f"{len(tasks)} tasks" + (f" of {declared[1]} announced" if declared else "")
    known = place.time_ns is not None
    return Reading(
        {
            "processes_at_capture": [_finished(task, place.time_ns) for task in tasks],
            "threads_at_capture": [{key: row[key] for key in row if key != "line"} for row in threads],
        },
        (note,),
        clock="moment of the capture; launch times are that minus the run time" if known else "no capture time known",
        certainty_ns=TAKES_NS if known else None,
    )


def _tell_a_cut(text: str, announced: int, found: int, place: Place) -> None:
    if text and not text.endswith("\n"):
        message = "the file ends within a line: it is cut short, and the tasks behind are missing"
        place.problems.add(place.name, "truncated", message, position=text.count("\n") + 1, unit="line")
    elif found < announced:
        message = "fewer tasks than the file announces: it is cut short, or some ended while it was written"
        place.problems.add(place.name, "fewer-tasks", message, count=announced - found)


def _task(found: re.Match[str], place: Place, number: int) -> Row:
    return {
        "ref": place.ref(number),
        "time": place.time_ns,
        "process": found[1],
        "pid": int(found[2]),
        "threads": 0,
        "cpu_times": [],
    }


def _thread(task: Row, tid: int, place: Place, number: int) -> Row:
    return {
        "ref": place.ref(number),
        "time": place.time_ns,
        "pid": task["pid"],
        "process": task["process"],
        "tid": tid,
        "line": number,
    }


def _add_to_task(task: Row, key: str, line: str, value: str) -> None:
    if key == "run time":
        task["run_time_s"] = real(value)
    elif key in _TASK_TIMES:
        task["cpu_times"] += [real(part) for part in value.split("/", 1)]
    elif key == "virtual bytes":
        for field, pattern in _MEMORY.items():
            match = pattern.search(line)
            task[field] = size(match[1]) if match else None
    elif key == "eff role":
        task["role"] = value or None
    elif key == "eff darwin BG":
        task["darwin_background"] = yes(value)
    elif key == "pid suspended":
        task["suspended"] = yes(value)
    elif key == "ios-application":
        task["is_app"] = yes(value)


def _add_to_thread(thread: Row, key: str, value: str) -> None:
    if key == "user/system time":
        parts = [real(part) for part in value.split("/", 1)]
        thread["cpu_time_s"] = sum(part for part in parts if part is not None) if any(parts) else parts[0]
    elif key in _THREAD_FIELDS:
        field, convert = _THREAD_FIELDS[key]
        thread.setdefault(field, convert(value) if value else None)


def _finished(task: Row, time_ns: int | None) -> Row:
    times = [time for time in task.pop("cpu_times") if time is not None]
    if times:
        task["cpu_time_s"] = sum(times)
    run_time = task.get("run_time_s")
    if run_time is not None and time_ns is not None:
        begun = time_ns - round(run_time * SECOND)
        task["launch_time"] = begun if begun > 0 else None
    return task
