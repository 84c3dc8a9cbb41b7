"""Tables of the fleet data set beside the episode tables, and how one capture fills them.

Every table starts with ``capture``, the key of the capture (`Job.key`), so that all tables join.
"""

from pathlib import Path
from typing import Any, Final

import polars as pl

from traceview.analysis import LINE_SCHEMA, Analysis
from traceview.completeness import log_span
from traceview.episodes.schema import EPISODES
from traceview.serialise import FINDING_SCHEMA, findings_frame

_TIME: Final = pl.Datetime("ns", "UTC")
KEY: Final = {"capture": pl.String()}

CAPTURES: Final[dict[str, Any]] = {
    **KEY,
    "path": pl.String(),  # absolute, for people
    "uri": pl.String(),  # the same as a file URI, exact for names that are no valid text
    "name": pl.String(),
    "content": pl.String(),  # BLAKE2b of the bytes
    "taken": _TIME,
    "start": _TIME,  # first and last time of the logs, else of all sources (`log_span`)
    "end": _TIME,
    "model": pl.String(),
    "os_name": pl.String(),
    "os_version": pl.String(),
    "os_build": pl.String(),
    "log_rows": pl.Int64(),
    "events": pl.Int64(),
    "problems": pl.Int64(),
    "redaction": pl.String(),  # none, ids, all: what was removed from texts
    "seconds": pl.Float64(),  # analysis time
}
EXPOSURE: Final[dict[str, Any]] = {
    **KEY,
    "app": pl.String(),
    "seen": pl.Boolean(),  # whether the capture shows the app at all; false only for apps that were asked for
    "app_version": pl.String(),  # null where no source names it
    "calls": pl.Int64(),
    "foreground_s": pl.Float64(),
    "background_s": pl.Float64(),
}
FAILURES: Final[dict[str, Any]] = {
    **KEY,
    "path": pl.String(),
    "uri": pl.String(),
    "kind": pl.String(),  # unreadable, timeout, memory, died, internal
    "message": pl.String(),
}
NOT_EVALUATED: Final[dict[str, Any]] = {**KEY, "rule": pl.String(), "needs": pl.String()}
ACCEPTED: Final[dict[str, Any]] = {**KEY, "rule": pl.String(), "findings": pl.Int64()}  # that the configuration accepts

TABLES: Final[dict[str, dict[str, Any]]] = {
    "captures": CAPTURES,
    "failures": FAILURES,
    "exposure": EXPOSURE,
    "findings": {**KEY, **FINDING_SCHEMA},
    "evidence": {**KEY, **LINE_SCHEMA},
    "rules_not_evaluated": NOT_EVALUATED,
    "findings_accepted": ACCEPTED,
    **{table: {**KEY, **columns} for table, columns in EPISODES.items()},
}
"""Schema of every table of the data set."""

Tables = dict[str, pl.DataFrame]


MESSAGE_CHARACTERS: Final = 2000


def tables_of(analysis: Analysis, key: str, path: Path, content: str, seconds: float) -> Tables:
    """Return the rows that one analysed capture adds to each table (all but ``failures``).

    Raises polars' SchemaError or InvalidOperationError where a table of the analysis has not the columns of `TABLES`.
    """
    start, end = log_span(analysis.coverage) or (None, None)
    device = analysis.device
    capture = {
        **_place(key, path),
        "name": printable(analysis.capture.name),
        "content": content,
        "taken": analysis.capture.time_ns,
        "start": start,
        "end": end,
        "model": device.model,
        "os_name": device.os_name,
        "os_version": device.os_version,
        "os_build": device.os_build,
        "log_rows": analysis.rows_read,
        "events": analysis.events.height,
        "problems": len(analysis.problems),
        "redaction": analysis.redaction,
        "seconds": seconds,
    }
    silent = [{"capture": key, "rule": one.rule, "needs": one.needs} for one in analysis.not_evaluated]
    accepted = [{"capture": key, "rule": rule, "findings": n} for rule, n in analysis.accepted_by_rule.items()]
    frames = {
        "captures": pl.DataFrame([capture], schema=CAPTURES),
        "exposure": _exposure(analysis, key),
        "findings": _keyed(findings_frame(analysis.findings), key),
        "evidence": _keyed(_evidence(analysis), key),
        "rules_not_evaluated": pl.DataFrame(silent, schema=NOT_EVALUATED),
        "findings_accepted": pl.DataFrame(accepted, schema=ACCEPTED),
        **{table: _keyed(analysis.episodes[table], key) for table in EPISODES},
    }
    return {table: frame.select(list(TABLES[table])).cast(pl.Schema(TABLES[table])) for table, frame in frames.items()}


def failure(key: str, path: Path, kind: str, message: str) -> Tables:
    """Return the one row that a capture costs which could not be analysed.

    Args:
        key: Key of the capture.
        path: Where it lies.
        kind: ``unreadable`` (what it holds cannot be read), ``access`` (the system refused: rights, disk), ``timeout``,
            ``memory``, ``died`` (its process did) or ``internal``.
        message: What went wrong.
    """
    row = {**_place(key, path), "kind": kind, "message": printable(message)[:MESSAGE_CHARACTERS]}
    return {"failures": pl.DataFrame([row], schema=FAILURES)}


def _place(key: str, path: Path) -> dict[str, str]:
    return {"capture": key, "path": printable(str(path)), "uri": path.absolute().as_uri()}


def printable(text: str) -> str:
    r"""Return text that can be stored: a lone surrogate (a byte of a file name that is no UTF-8) becomes ``\udcff``."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _keyed(frame: pl.DataFrame, key: str) -> pl.DataFrame:
    return frame.select(pl.lit(key).alias("capture"), pl.all())


def _evidence(analysis: Analysis) -> pl.DataFrame:
    refs = {ref for finding in analysis.findings for ref in finding.evidence}
    return analysis.lines.filter(pl.col("ref").is_in(list(refs)))


def _seen(analysis: Analysis) -> set[str]:
    """Names of all apps and processes that the capture shows."""
    columns = [frame[name] for frame in analysis.episodes.values() for name in ("app", "process")]
    columns += [analysis.events["bundle"], analysis.events["process"]]
    return set(pl.concat([column.cast(pl.String()) for column in columns]).drop_nulls().unique().to_list())


def _exposure(analysis: Analysis, key: str) -> pl.DataFrame:
    """What the apps did: the denominators of every rate. An open window counts to the end of the logs, which tell of it."""
    states = analysis.episodes["app_states"]
    _, end = log_span(analysis.coverage) or (None, None)
    last = pl.lit(end, _TIME)
    seconds = (pl.col("end").fill_null(last) - pl.col("start")).dt.total_microseconds() / 1e6
    spent = states.group_by("app").agg(
        seconds.filter(pl.col("state") == "foreground").sum().alias("foreground_s"),
        seconds.filter(pl.col("state") == "background").sum().alias("background_s"),
    )
    calls = analysis.episodes["calls"].group_by("app").agg(pl.len().cast(pl.Int64).alias("calls"))
    seen = _seen(analysis)
    apps = pl.DataFrame(
        {
            "app": analysis.apps,
            "seen": [app in seen for app in analysis.apps],
            "app_version": [analysis.app_versions.get(app) for app in analysis.apps],
        },
        schema={"app": pl.String(), "seen": pl.Boolean(), "app_version": pl.String()},
    )
    return (
        apps.join(spent, on="app", how="left")
        .join(calls, on="app", how="left")
        .with_columns(
            pl.lit(key).alias("capture"),
            pl.col("calls").fill_null(0),
            pl.col("foreground_s").fill_null(0.0),
            pl.col("background_s").fill_null(0.0),
        )
        .select(list(EXPOSURE))
    )
