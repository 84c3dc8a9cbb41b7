"""Analysis results as plain data: the JSON contract and frames of findings."""

import json
import math
from datetime import UTC, datetime
from typing import Any, Final

import polars as pl
import polars.selectors as cs

from traceview.analysis import Analysis
from traceview.rules.registry import Finding
from traceview_parsers.schema import REF_POSITION_BITS

SCHEMA_VERSION: Final = "1"

FINDING_SCHEMA: Final[dict[str, Any]] = {
    "rule": pl.String(),
    "number": pl.String(),
    "severity": pl.String(),
    "app": pl.String(),
    "start": pl.Datetime("ns", "UTC"),
    "end": pl.Datetime("ns", "UTC"),
    "title": pl.String(),
    "explanation": pl.String(),
    "advice": pl.String(),
    "evidence": pl.List(pl.UInt64()),
    "confidence": pl.Float64(),
    "episodes": pl.List(pl.String()),
    "fingerprint": pl.String(),
}

_TIME_FORMAT: Final = "%Y-%m-%dT%H:%M:%S.%9fZ"


def findings_frame(findings: list[Finding]) -> pl.DataFrame:
    """Return findings as a frame (`FINDING_SCHEMA`), in the given order."""
    rows = [
        {
            "rule": one.rule,
            "number": one.number,
            "severity": one.severity.name,
            "app": one.app,
            "start": one.start,
            "end": one.end,
            "title": one.title,
            "explanation": one.explanation,
            "advice": one.advice,
            "evidence": list(one.evidence),
            "confidence": one.confidence,
            "episodes": list(one.episodes),
            "fingerprint": one.fingerprint,
        }
        for one in findings
    ]
    return pl.DataFrame(rows, schema=FINDING_SCHEMA)


def to_json(analysis: Analysis) -> dict[str, Any]:
    """Return the object that ``analyze --format json`` prints.

    Times are RFC 3339 UTC with nanoseconds, durations are seconds in keys that end in ``_s``.

    ``evidence`` (of findings and episodes) is a list of row identities, earliest first. Such a ``ref`` is ``index`` of a
    source in ``coverage`` times 2 to the power of ``evidence.position_bits``, plus the position in that source: the line
    number of a text, the ordinal of a record, or what the reader packs (a database's table and row: ``place`` of the line
    tells it). The lines themselves stand in ``lines`` of each finding, with ``source``, ``position`` and ``place``; any other
    one is what ``traceview query CAPTURE "SELECT * FROM log WHERE ref = N"`` shows.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "trace": {
            "name": analysis.capture.name,
            "captured": rfc3339_ns(analysis.capture.time_ns),
            "tz": analysis.capture.tz,
            "tz_how": analysis.capture.tz_how,
            "apps": analysis.apps,
            "app_versions": analysis.app_versions,
            "log_rows": analysis.rows_read,
            "events": analysis.events.height,
            "redaction": analysis.redaction,
        },
        "device": {
            "model": analysis.device.model,
            "board": analysis.device.board,
            "os_name": analysis.device.os_name,
            "os_version": analysis.device.os_version,
            "os_build": analysis.device.os_build,
            "name": analysis.device.name,
            "serial": analysis.device.serial,
            "udid": analysis.device.udid,
        },
        "coverage": [
            {
                "index": index,
                "source": one.source,
                "reader": one.reader,
                "start": rfc3339_ns(one.start_ns),
                "end": rfc3339_ns(one.end_ns),
                "rows": one.rows,
                "clock": one.clock,
                "certainty_s": None if one.certainty_ns is None else one.certainty_ns / 1e9,
                "notes": list(one.notes),
            }
            for index, one in enumerate(analysis.coverage)
        ],
        "evidence": {"position_bits": REF_POSITION_BITS},
        "clocks": frame_to_rows(analysis.tables.get("clocks", pl.DataFrame())),
        "problems": [
            {
                "source": one.source,
                "kind": one.kind,
                "message": one.message,
                "position": one.position,
                "unit": one.unit,
                "count": one.count,
                "sample": one.sample,
            }
            for one in analysis.problems
        ],
        **{table: frame_to_rows(frame) for table, frame in analysis.episodes.items()},
        "findings": _findings(analysis),
        "findings_accepted": analysis.accepted,
        "rules_not_evaluated": [
            {"rule": one.rule, "number": one.number, "title": one.title, "needs": one.needs}
            for one in analysis.not_evaluated
        ],
    }


def _findings(analysis: Analysis) -> list[dict[str, Any]]:
    rows = frame_to_rows(findings_frame(analysis.findings))
    lines = {row["ref"]: row for row in frame_to_rows(analysis.lines)}
    for row, finding in zip(rows, analysis.findings, strict=True):
        row["measures"] = _finite(dict(finding.measures))
        row["lines"] = [lines[ref] for ref in finding.evidence if ref in lines]
    return rows


def frame_to_rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a small frame (episodes, findings) with times as RFC 3339 text; numbers not finite are None."""
    finite = pl.when(cs.float().is_finite()).then(cs.float())
    moments = cs.by_dtype(pl.List(pl.Datetime("ns", "UTC"))).list.eval(pl.element().dt.strftime(_TIME_FORMAT))
    return frame.with_columns(pl.col(pl.Datetime).dt.strftime(_TIME_FORMAT), finite, moments).to_dicts()


def json_text(content: Any, *, indent: int | None = None) -> str:
    """Return plain data as JSON (RFC 8259); a number that is not finite, which JSON cannot say, is null."""
    try:
        return json.dumps(content, indent=indent, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(content), indent=indent, ensure_ascii=False, allow_nan=False)


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def rfc3339_ns(time_ns: int | None) -> str | None:
    """``1736933400000000000`` → ``2025-01-15T09:30:00.000000000Z``."""
    if time_ns is None:
        return None
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
