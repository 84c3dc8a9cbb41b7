"""One report as a row of ``reports``, by what its header and body say."""

import json
from typing import Any, Final

from msgspec.structs import asdict

from traceview_parsers.ips import fields, kinds, limits
from traceview_parsers.ips.termination import namespace_name, termination
from traceview_parsers.ips.text import name_and_pid, primary_state, read_fields
from traceview_parsers.ips.values import Row, digits, filled, integer, mapping, pid, real, several, text, whole_text

_PUSH_TEXT: Final = "never posted an incoming call"
_NO_CRASH: Final = ("SIMULATED", "NON-FATAL")
"""Words of ``Exception Note`` with which Apple marks a report as no crash."""
_MAX_REASON_CHARACTERS: Final = 2_000


def header_row(header: dict[str, Any]) -> Row:
    """Return what the first line of a report says."""
    os_version, os_build = fields.os_version(text(header.get("os_version")))
    timestamp = text(header.get("timestamp"))
    return {
        "bug_type": text(header.get("bug_type")),
        "kind": kinds.BY_BUG_TYPE.get(str(header.get("bug_type")), kinds.OTHER),
        "time": fields.time_ns(timestamp),
        "utc_offset_s": fields.utc_offset_s(timestamp),
        "incident": text(header.get("incident_id")),
        "process": text(header.get("name")) or text(header.get("app_name")),
        "bundle": text(header.get("bundleID")),
        "app_version": text(header.get("app_version")),
        "build_version": text(header.get("build_version")),
        "os_version": os_version,
        "os_build": os_build,
    }


def json_row(body: dict[str, Any]) -> Row:
    """Return what a JSON body says: crash reports of iOS 15 and later, and the common part of others."""
    bundle = mapping(body.get("bundleInfo"))
    exception = mapping(body.get("exception"))
    os_facts = mapping(body.get("osVersion"))
    os_version, os_build = fields.os_version(f"{os_facts.get('train', '')} ({os_facts.get('build', '')})")
    if os_version is None:
        os_version, os_build = fields.os_version(text(body.get("build")))
    moment = text(body.get("captureTime")) or text(body.get("date"))
    row: Row = {
        "time": fields.time_ns(moment),
        "utc_offset_s": fields.utc_offset_s(moment),
        "launch_time": fields.time_ns(text(body.get("procLaunch"))),
        "incident": text(body.get("incident")),
        "process": text(body.get("procName")),
        "pid": pid(body.get("pid")),
        "bundle": text(bundle.get("CFBundleIdentifier")),
        "app_version": text(bundle.get("CFBundleShortVersionString")),
        "build_version": text(bundle.get("CFBundleVersion")),
        "os_version": os_version,
        "os_build": os_build,
        "model": text(body.get("modelCode")) or text(body.get("product")),
        "role": text(body.get("procRole")),
        "installed": _is_installed(text(body.get("procPath"))),
        "exception": text(exception.get("type")),
        "signal": text(exception.get("signal")),
        **_json_termination(body),
    }
    message = text(exception.get("message"))
    if exception.get("type") == "EXC_RESOURCE":
        row |= _figures(message) | {"explanation": message or row["explanation"]}
    elif row["explanation"] is None:
        row["explanation"] = _reason(body)
    return row


def _is_installed(path: str | None) -> bool | None:
    """Return whether a program is an installed app or belongs to one, by its path; iOS's own lie elsewhere.

    Seen in real reports: ``/private/var/containers/Bundle/Application/<UUID>/<name>.app/…`` (iOS 10 on) and
    ``/var/mobile/Containers/Bundle/Application/<UUID>/…`` before.
    """
    return None if path is None else "/Bundle/Application/" in path


def _reason(body: dict[str, Any]) -> str | None:
    """Return why a panic, a forced reset or a stackshot happened: its first line."""
    for key in ("panicString", "string", "reason"):
        told = body.get(key)
        if isinstance(told, str) and told.strip():
            return told.strip().splitlines()[0][:_MAX_REASON_CHARACTERS]
    return None


def _json_termination(body: dict[str, Any]) -> Row:
    told = mapping(body.get("termination"))
    texts = [text(one) or "" for key in ("indicator", "reasons", "details") for one in several(told.get(key))]
    context = termination("\n".join(texts))
    code = told.get("code")
    said = [one for part in mapping(body.get("asi")).values() for one in several(part) if isinstance(one, str)]
    pushed = next((one for one in said if _PUSH_TEXT in one), None)
    row = asdict(context)
    row["namespace"] = namespace_name(told.get("namespace")) or context.namespace
    if isinstance(code, int) and not isinstance(code, bool):
        row["code"] = f"{code & 0xFFFFFFFFFFFFFFFF:#x}"
    elif isinstance(code, str):
        row["code"] = termination(f"Code {code}").code or context.code
    row["termination_flags"] = integer(told.get("flags"))
    row["terminated_by"] = text(told.get("byProc"))
    row["terminated_by_pid"] = pid(told.get("byPid"))
    row["explanation"] = pushed or context.explanation or text(told.get("indicator")) or (said[0] if said else None)
    return row


def text_row(body: str) -> Row:
    """Return what a text body says: crash reports up to iOS 14, resource and hang reports of every iOS."""
    told = read_fields(body)
    process, process_id = name_and_pid(told.get("Process") or told.get("Command"))
    os_version, os_build = fields.os_version(told.get("OS Version"))
    moment = told.get("End time") or told.get("Date/Time") or told.get("Date")
    row: Row = {
        "time": fields.time_ns(moment),
        "utc_offset_s": fields.utc_offset_s(moment),
        "launch_time": fields.time_ns(told.get("Launch Time")),
        "incident": told.get("Incident Identifier"),
        "process": process,
        "pid": process_id if process_id is not None else digits(told.get("PID")),
        "bundle": told.get("Identifier"),
        "os_version": os_version,
        "os_build": os_build,
        "model": told.get("Hardware Model") or told.get("Hardware model"),
        "role": told.get("Role"),
        "installed": _is_installed(told.get("Path")),
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
    said = told.get("Application Specific Information", "")
    ended = termination(reason.removeprefix("Termination Reason: ") or said)
    pushed = said if _PUSH_TEXT in said else None
    ender, ender_pid = name_and_pid(told.get("Terminating Process"))
    row: Row = asdict(ended) | {
        "terminated_by": ender,
        "terminated_by_pid": ender_pid,
        "exception": exception or None,
        "signal": signal.rstrip(") ") or None,
        "explanation": pushed or ended.explanation or told.get("Exception Message") or said or None,
    }
    if exception == "EXC_RESOURCE":
        row["kind"] = kinds.BY_SUBTYPE.get(told.get("Exception Subtype", ""), "resource")
        row |= _figures(told.get("Exception Message"))
    elif any(word in told.get("Exception Note", "") for word in _NO_CRASH):
        row["kind"] = "os_fault"
    return row


def _resource(told: dict[str, str], body: str) -> Row:
    kind = kinds.BY_EVENT.get(told.get("Event", "").lower())
    sentence = told.get("CPU") or told.get("Wakeups") or told.get("Writes")
    killed = told.get("Action taken") == "Process killed"
    row: Row = {
        "start": fields.time_ns(told.get("Date/Time")) if "End time" in told else None,
        "action": told.get("Action taken"),
        "explanation": sentence or told.get("Reason"),
        "primary_state": primary_state(body),
        **_figures(sentence),
    }
    if kind is not None:
        row["kind"] = "cpu_fatal" if kind == "cpu" and killed else kind
    elif "Hang" in told.get("Event", "") or "timeout" in told.get("Reason", ""):
        row["kind"] = "hang"
        row["duration_s"] = limits.hang_seconds(told.get("Reason"), told.get("Duration"))
    return row


def _figures(sentence: str | None) -> Row:
    used = limits.usage(sentence)
    return asdict(used) if used is not None else {}


def read_report(content: str, name: str = "") -> tuple[Row, dict[str, Any] | None, str]:
    """Return (row of ``reports``, JSON body or None, text after the header) of one report.

    The body is more precise than the header and wins; a body that does not tell its kind keeps the header's, and a file
    without a header is of the kind that its `name` suggests. Raises ValueError where the text is no report.
    """
    header, rest = split_header(content)
    body = _json_body(rest)
    row = header_row(header)
    if body is not None:
        row = filled(row, json_row(body) | {"kind": kinds.of_body(body)})
    elif rest.strip():
        # The header's versions count: text bodies swap version and build between iOS releases.
        versions = {key: row[key] for key in ("app_version", "build_version") if row[key] is not None}
        row = filled(row, text_row(rest) | versions)
    if row["kind"] == kinds.OTHER and not header:
        row["kind"] = kinds.of_name(name) or ("crash" if body and "exception" in body else kinds.OTHER)
    if row["kind"] == "crash" and _marked_as_no_crash(header, body or {}):
        row["kind"] = "os_fault"
    if row["kind"] == "hang" and row.get("duration_s") is None:
        milliseconds = real(header.get("duration_ms"))
        row["duration_s"] = None if milliseconds is None else milliseconds / 1000
    if not header and not any(row.get(key) for key in ("process", "incident", "time", "explanation")):
        raise ValueError("no field of a report was found")
    return row, body, rest


def _marked_as_no_crash(header: dict[str, Any], body: dict[str, Any]) -> bool:
    flags = (header.get("is_simulated"), body.get("isSimulated"), body.get("isNonFatal"))
    return any(flag in (1, True) for flag in flags)


def split_header(content: str) -> tuple[dict[str, Any], str]:
    """Return (first line as an object, the rest); without such a line ({}, everything)."""
    line, _, rest = content.partition("\n")
    if line.startswith("{"):
        header = _load(line)
        if isinstance(header, dict) and "bug_type" in header:
            return header, rest
    return {}, content


def _json_body(content: str) -> dict[str, Any] | None:
    if not content.lstrip().startswith("{"):
        return None
    body = _load(content)
    return body if isinstance(body, dict) else None


def _load(content: str) -> Any:
    try:
        value = json.loads(content)
        return whole_text(value) if "\\u" in content else value  # lone surrogates can only come from escapes
    except (ValueError, RecursionError):
        return None
