"""One report as a row of ``reports``, by what its header and body say."""

import json
from typing import Any

from traceview_parsers.ips import fields
from traceview_parsers.ips.text import name_and_pid, primary_state, read_fields

Row = dict[str, Any]

_KINDS = {
    "109": "crash",
    "309": "crash",
    "298": "jetsam",
    "98": "jetsam",
    "198": "jetsam",
    "202": "cpu",
    "206": "cpu_fatal",
    "142": "wakeups",
    "145": "disk_writes",
    "185": "resource",
    "385": "resource",
    "222": "hang",
    "223": "hang",
    "228": "hang",
    "310": "hang",
    "328": "hang",
    "288": "stackshot",
    "188": "stackshot",
    "509": "stackshot",
    "308": "os_fault",
    "210": "panic",
    "151": "force_reset",
}
"""Kinds by ``bug_type`` (from Apple's own submission table)."""

_EVENTS = {"cpu usage": "cpu", "wakeups": "wakeups", "disk writes": "disk_writes"}
"""Kinds by the line ``Event:`` of a text report."""
_RESOURCE_SUBTYPES = {"CPU": "cpu", "WAKEUPS": "wakeups", "MEMORY": "memory"}
_PUSH_TEXT = "never posted an incoming call"


def header_row(header: dict[str, Any]) -> Row:
    """Return what the first line of a report says."""
    os_version, os_build = fields.os_version(_text(header.get("os_version")))
    return {
        "bug_type": _text(header.get("bug_type")),
        "kind": _KINDS.get(str(header.get("bug_type")), "other"),
        "time": fields.time_ns(_text(header.get("timestamp"))),
        "incident": _text(header.get("incident_id")),
        "process": _text(header.get("name")) or _text(header.get("app_name")),
        "bundle": _text(header.get("bundleID")),
        "app_version": _text(header.get("app_version")),
        "build_version": _text(header.get("build_version")),
        "os_version": os_version,
        "os_build": os_build,
    }


def json_row(body: dict[str, Any]) -> Row:
    """Return what a JSON body says: crash reports of iOS 15 and later, and the common part of others."""
    bundle = _mapping(body.get("bundleInfo"))
    exception = _mapping(body.get("exception"))
    os_facts = _mapping(body.get("osVersion"))
    os_version, os_build = fields.os_version(f"{os_facts.get('train', '')} ({os_facts.get('build', '')})")
    if os_version is None:
        os_version, os_build = fields.os_version(_text(body.get("build")))
    return {
        "time": fields.time_ns(_text(body.get("captureTime")) or _text(body.get("date"))),
        "launch_time": fields.time_ns(_text(body.get("procLaunch"))),
        "incident": _text(body.get("incident")),
        "process": _text(body.get("procName")),
        "pid": _pid(body.get("pid")),
        "bundle": _text(bundle.get("CFBundleIdentifier")),
        "app_version": _text(bundle.get("CFBundleShortVersionString")),
        "build_version": _text(bundle.get("CFBundleVersion")),
        "os_version": os_version,
        "os_build": os_build,
        "model": _text(body.get("modelCode")) or _text(body.get("product")),
        "role": _text(body.get("procRole")),
        "exception": _text(exception.get("type")),
        "signal": _text(exception.get("signal")),
        **_json_termination(body),
    }


def _json_termination(body: dict[str, Any]) -> Row:
    told = _mapping(body.get("termination"))
    texts = [_text(text) or "" for key in ("indicator", "reasons", "details") for text in _list(told.get(key))]
    context = fields.termination("\n".join(texts))
    code = told.get("code")
    said = [text for part in _mapping(body.get("asi")).values() for text in _list(part) if isinstance(text, str)]
    pushed = next((text for text in said if _PUSH_TEXT in text), None)
    return {
        "namespace": _text(told.get("namespace")),
        "code": f"{code & 0xFFFFFFFFFFFFFFFF:#x}" if isinstance(code, int) else context.code,
        "explanation": pushed or context.explanation or _text(told.get("indicator")) or (said[0] if said else None),
        "visibility": context.visibility,
        "watchdog_event": context.watchdog_event,
        "allowance_s": context.allowance_s,
    }


def text_row(body: str) -> Row:
    """Return what a text body says: crash reports up to iOS 14, resource and hang reports of every iOS."""
    told = read_fields(body)
    process, pid = name_and_pid(told.get("Process") or told.get("Command"))
    os_version, os_build = fields.os_version(told.get("OS Version"))
    row: Row = {
        "time": fields.time_ns(told.get("End time") or told.get("Date/Time") or told.get("Date")),
        "launch_time": fields.time_ns(told.get("Launch Time")),
        "incident": told.get("Incident Identifier"),
        "process": process,
        "pid": pid if pid is not None else _integer(told.get("PID")),
        "bundle": told.get("Identifier"),
        "os_version": os_version,
        "os_build": os_build,
        "model": told.get("Hardware Model") or told.get("Hardware model"),
        "role": told.get("Role"),
    }
    first, second = fields.version(told.get("Version"))
    if "Exception Type" in told:
        row |= {"kind": "crash", "build_version": first, "app_version": second, **_crash(told)}
    else:
        row |= {"app_version": first, "build_version": second, **_resource(told, body)}
    return row


def _crash(told: dict[str, str]) -> Row:
    exception, _, signal = told["Exception Type"].partition(" (")
    reason = "\n".join(
        f"{key}: {told[key]}" for key in ("Termination Reason", "Termination Description") if key in told
    )
    ended = fields.termination(reason.removeprefix("Termination Reason: "))
    said = told.get("Application Specific Information", "")
    row: Row = {
        "exception": exception or None,
        "signal": signal.rstrip(") ") or None,
        "namespace": ended.namespace,
        "code": ended.code,
        "explanation": said
        if _PUSH_TEXT in said
        else (ended.explanation or told.get("Exception Message") or said or None),
        "visibility": ended.visibility,
        "watchdog_event": ended.watchdog_event,
        "allowance_s": ended.allowance_s,
    }
    if exception == "EXC_RESOURCE":
        row["kind"] = _RESOURCE_SUBTYPES.get(told.get("Exception Subtype", ""), "resource")
    return row


def _resource(told: dict[str, str], body: str) -> Row:
    kind = _EVENTS.get(told.get("Event", "").lower())
    used = fields.usage(told.get("CPU") or told.get("Wakeups") or told.get("Writes"))
    killed = told.get("Action taken") == "Process killed"
    row: Row = {
        "start": fields.time_ns(told.get("Date/Time")) if "End time" in told else None,
        "action": told.get("Action taken"),
        "explanation": told.get("CPU") or told.get("Wakeups") or told.get("Writes") or told.get("Reason"),
        "primary_state": primary_state(body),
    }
    if kind is not None:
        row["kind"] = "cpu_fatal" if kind == "cpu" and killed else kind
    elif "Hang" in told.get("Event", ""):
        row["kind"] = "hang"
    if used is not None:
        row |= {
            "used": used.used,
            "window_s": used.window_s,
            "limit": used.limit,
            "limit_window_s": used.limit_window_s,
        }
    return row


def read_report(text: str) -> tuple[Row, dict[str, Any] | None]:
    """Return (row of ``reports``, JSON body or None) of one report.

    The body is more precise than the header and wins, but for the kind: a body that does not tell its kind keeps the
    header's. Raises ValueError where the text is no report.
    """
    header, rest = _split_header(text)
    body = _json_body(rest)
    row = header_row(header)
    if body is not None:
        row = merged(row, json_row(body))
    elif rest.strip():
        # The header's versions count: text bodies swap version and build between iOS releases.
        versions = {key: row[key] for key in ("app_version", "build_version") if row[key] is not None}
        row = merged(row, text_row(rest) | versions)
    if not header and not any(row.get(key) for key in ("process", "incident", "time", "explanation")):
        raise ValueError("no field of a report was found")
    return row, body


def merged(first: Row, second: Row) -> Row:
    """Return both rows as one; values of `second` win where they are set."""
    return first | {key: value for key, value in second.items() if value is not None}


def _split_header(text: str) -> tuple[dict[str, Any], str]:
    line, _, rest = text.partition("\n")
    if line.startswith("{"):
        header = _load(line)
        if isinstance(header, dict) and "bug_type" in header:
            return header, rest
    return {}, text


def _json_body(text: str) -> dict[str, Any] | None:
    if not text.lstrip().startswith("{"):
        return None
    body = _load(text)
    return body if isinstance(body, dict) else None


def _load(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _text(value: Any) -> str | None:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else None


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _integer(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 19 else None


def _pid(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31 else None
