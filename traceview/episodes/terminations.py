"""Terminations: who was killed or crashed, why, in which state. Witnesses within seconds tell of one death."""

import re
from typing import Final

import polars as pl

from traceview.episodes import codes, states, undated
from traceview.episodes.intervals import NS
from traceview.episodes.relate import Relations
from traceview.episodes.schema import empty_table
from traceview.episodes.tables import Context, Row, table

ECHO_NS: Final = 10 * NS
"""FrontBoard, runningboardd, launchd, the kernel and ReportCrash tell one death of one process within this time: most
within 2 s, the crash report when its corpse has been examined (heuristic)."""
OUTLIVED_NS: Final = 5 * NS
"""A process that lives on longer than this after a termination request was not killed (heuristic; FrontBoard waits at
most 5 s for a graceful exit)."""
CALL_SLACK_NS: Final = 3 * NS
"""A call that ended this shortly before a death ended because of it (heuristic)."""

_KINDS: Final = (
    "process.terminated",
    "process.exited",
    "process.state",
    "process.watchdog",
    "jetsam.killed",
    "audio_session.client_state",
)
_BY_TEXT: Final = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("push_unreported", r"never posted an incoming call|no call reported after a voip push"),
        ("debug", r"bg kill demo"),
        ("user", r"killed from app switcher|force quit|user quit"),
        ("lock_held", r"suspended with locked system files|holding a file lock|shared file lock"),
        ("watchdog", r"watchdog"),
        ("background_task", r"background task|outstanding assertion|assertion.*time ?out"),
        ("cpu", r"\bcpu\b"),
        ("thermal", r"thermal"),
        ("jetsam", r"jetsam|per-process-limit|vm-pageshortage|highwater|memory limit|idle-exit"),
        ("launch_failed", r"launch failed"),
        ("service_owner_exited", r"owner exited"),
        ("crash", r"uncaught exception|crash|sigabrt|sigsegv|sigbus|sigill|sigtrap|\bexc_"),
    )
)
_PLAIN_CODES: Final = 0xFFFF
"""Signal numbers and exit statuses are below this; the documented kill codes are all above."""
_AUDIO_DAEMONS: Final = frozenset({"audiomxd", "callservicesd", "coreaudiod", "mediaserverd"})
_UNTOLD: Final = ("unknown", "normal_exit")


def build(context: Context, relations: Relations) -> pl.DataFrame:
    """Return the table ``terminations``."""
    rows = [row for death in _deaths(context) if _matters(row := _row(death), death)]
    if not rows:
        return empty_table("terminations")
    points = pl.DataFrame(
        [{"owner": row["owner"], "app": row["app"], "start": row["start"], "end": row["start"]} for row in rows],
        schema={"owner": pl.Int64, "app": pl.String, "start": pl.Int64, "end": pl.Int64},
    )
    before = relations.state_at(points.select("owner", (pl.col("start") - 1).alias("t"))).to_list()
    in_call = relations.in_call(points, CALL_SLACK_NS).to_list()
    for at, row in enumerate(rows):
        row["app_state"] = before[at] or row["app_state"]
        row["in_call"] = in_call[at]
    return table("terminations", rows)


def with_undated(deaths: pl.DataFrame, reports: pl.DataFrame) -> pl.DataFrame:
    """Return the table with a row for each death that a report without a time tells of (`undated.apart`)."""
    if reports.is_empty():
        return deaths
    several = ("kind", "code", "reason", "namespace", "ref", "state", "visibility")
    told = reports.filter(pl.col("kind").is_in(["process.terminated", "jetsam.killed"])).select(
        *undated.subject(), *(pl.concat_list(name) for name in several), _memory_bytes()
    )
    unplaced = dict.fromkeys(("owner", "start", "gone_at"))
    rows = [_row({**death, **unplaced, "timed": False}) for death in told.iter_rows(named=True)]
    if not rows:
        return deaths
    placed = deaths.with_columns(pl.col("start", "end").cast(pl.Int64)).to_dicts()
    return table("terminations", [*placed, *(row | {"start_how": None, "end_how": None} for row in rows)])


def _matters(row: Row, death: Row) -> bool:
    """Tell whether the death is worth a row: daemons and services of the system exit all the time."""
    # RunningBoard names a daemon by its label: com.apple.telephonyutilities.callservicesd.
    carries_calls = (row["process"] or "").rpartition(".")[2] in _AUDIO_DAEMONS
    belongs = death["is_app"] or death["host_app"] is not None or carries_calls
    return belongs or row["kind"] not in _UNTOLD


def _deaths(context: Context) -> list[Row]:
    """One row per death: what all its witnesses say, in time order."""
    gone = (pl.col("claim") == states.NOT_RUNNING) | states.is_report_of_death()
    ran_out = (pl.col("kind") == "process.watchdog") & pl.col("active").fill_null(value=False)
    telling = gone | pl.col("kind").is_in(["process.terminated", "process.exited"]) | ran_out
    events = context.of_kind(*_KINDS).filter(telling & pl.col("owner").is_not_null())
    if events.is_empty():
        return []
    new = pl.col("t") - pl.col("t").shift(1).over("owner") > ECHO_NS
    life = context.processes.select("owner", "process", "pid", "is_app", "host_app", died="end")
    grouped = (
        events.sort("owner", "t", "ref")
        .with_columns(new.fill_null(value=True).cum_sum().over("owner").alias("death"), gone.alias("gone"))
        .group_by("owner", "death", maintain_order=True)
        .agg(
            pl.col("app").drop_nulls().first(),
            pl.col("t").first().alias("start"),
            pl.col("t").last().alias("last"),
            pl.col("t").filter(pl.col("gone").fill_null(value=False)).first().alias("gone_at"),
            pl.col("timed").any(),
            pl.col("kind", "code", "reason", "namespace", "ref", "state", "visibility"),
            _memory_bytes().drop_nulls().first(),
        )
        .join(life, on="owner", how="left", maintain_order="left")
    )
    died_then = (pl.col("died") - pl.col("last")).abs() <= OUTLIVED_NS
    over = pl.col("gone_at").is_not_null() | died_then.fill_null(value=False) | ~pl.col("timed")
    return grouped.filter(over).rows(named=True)


def _memory_bytes() -> pl.Expr:
    """What a victim of jetsam held: the kernel prints kilobytes of 1,024 bytes (xnu, ``kern_memorystatus.c``), reports bytes."""
    kilobytes = pl.when(pl.col("signal").str.starts_with("report.")).then(1.0).otherwise(1024.0)
    held = pl.when((pl.col("kind") == "jetsam.killed") & (pl.col("value") > 0)).then(pl.col("value") * kilobytes)
    return held.alias("memory_bytes")


def _row(death: Row) -> Row:
    kind, at = _classified(death)
    return {
        "owner": death["owner"],
        "app": death["app"],
        "process": death["process"],
        "pid": death["pid"],
        "start": death["start"],
        "end": death["start"] if death["gone_at"] is None else death["gone_at"],
        "start_how": "observed" if death["timed"] else "inferred",
        "end_how": "inferred" if death["gone_at"] is None else "observed",
        "evidence": death["ref"],
        "app_state": _told_state(death),
        "kind": kind,
        "code": codes.normalised(_at(death["code"], at) or _best_code(death["code"])),
        "namespace": codes.namespace(_at(death["namespace"], at) or _first(death["namespace"])),
        "memory_bytes": death["memory_bytes"],
        "explanation": _at(death["reason"], at) or _first(death["reason"]),
    }


def _told_state(death: Row) -> str | None:
    """The state that the kill itself tells (``ProcessState: Suspended``, ``ProcessVisibility: Background``), if any."""
    told = [text.lower() for text in (*death["state"], *death["visibility"]) if text]
    for state in (states.SUSPENDED, states.FOREGROUND, states.BACKGROUND):
        if any(text.startswith(state) for text in told):
            return state
    return None


def _at(values: list[str | None], at: int | None) -> str | None:
    return None if at is None else values[at]


def _first(values: list[str | None]) -> str | None:
    return next((value for value in values if value), None)


def _best_code(texts: list[str | None]) -> str | None:
    """The code that says most: a magic number rather than a signal number."""
    given = [text for text in texts if text]
    return max(given, key=lambda text: (codes.number(text) or 0) > _PLAIN_CODES, default=None)


def _classified(death: Row) -> tuple[str, int | None]:
    """Return the kind and which of the witnesses shows it: code first, then the kernel, the text, the signal."""
    numbers = [codes.number(text) for text in death["code"]]
    spaces = [codes.namespace(text) for text in death["namespace"]]
    told = list(enumerate(zip(death["kind"], spaces, numbers, death["reason"], strict=True)))
    for judge in (_by_code, _by_kernel, _by_text, _by_signal, _by_status):
        for at, witness in told:
            kind = judge(*witness)
            if kind is not None:
                return kind, at
    return "unknown", None


def _by_code(_kind: str, _space: str | None, value: int | None, _reason: str | None) -> str | None:
    return codes.KIND_OF_CODE.get(value) if value is not None else None


def _by_kernel(kind: str, space: str | None, _value: int | None, _reason: str | None) -> str | None:
    return "jetsam" if kind == "jetsam.killed" or space == "JETSAM" else None


def _by_text(_kind: str, _space: str | None, _value: int | None, reason: str | None) -> str | None:
    return next((kind for kind, pattern in _BY_TEXT if reason and pattern.search(reason)), None)


def _by_signal(_kind: str, space: str | None, value: int | None, _reason: str | None) -> str | None:
    return "crash" if space == "SIGNAL" and value in codes.CRASH_SIGNALS else None


def _by_status(_kind: str, space: str | None, value: int | None, _reason: str | None) -> str | None:
    return "normal_exit" if value == 0 and space in (None, "0", "EXITED") else None
