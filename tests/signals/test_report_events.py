"""Reports as events."""

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pyarrow as pa

from traceview.episodes.reconstruct import Span, reconstruct
from traceview.signals.reports import report_events
from traceview.signals.vocabulary import EVENT_SCHEMA, KINDS
from traceview_parsers import schema
from traceview_parsers.ips.kinds import BY_BUG_TYPE, SILENT

MOMENT = datetime(2026, 1, 15, 9, 11, 11, tzinfo=UTC)


def reports(*rows: dict[str, Any]) -> pl.DataFrame:
    named = [{"ref": at, "time": MOMENT, "process": "AcmeVoIP", "pid": 913} | row for at, row in enumerate(rows)]
    return pl.DataFrame(pa.Table.from_pylist(named, schema=schema.SCHEMAS["reports"]))


def test_a_kill_names_the_app_the_code_and_the_state() -> None:
    events = report_events(
        reports(
            {
                "kind": "crash",
                "bundle": "com.acme.voip",
                "namespace": "FRONTBOARD",
                "code": "0xbaadca11",
                "role": "Background",
            }
        )
    )
    (event,) = events.to_dicts()
    assert dict(events.schema) == EVENT_SCHEMA
    assert (event["kind"], event["bundle"], event["subject_pid"], event["code"]) == (
        "process.terminated",
        "com.acme.voip",
        913,
        "0xbaadca11",
    )
    assert event["message"] == "crash report of AcmeVoIP; [913]; role Background; FRONTBOARD 0xbaadca11"
    assert event["signal"] == "report.crash"


def test_each_kind_has_its_event() -> None:
    events = report_events(
        reports(
            {"kind": "cpu", "used": 90.0, "limit": 50.0, "window_s": 150.0, "limit_window_s": 180.0},
            {"kind": "wakeups", "used": 45001.0, "limit": 150.0, "window_s": 162.0, "limit_window_s": 300.0},
            {"kind": "cpu_fatal", "used": 9.0, "limit": 15.0, "window_s": 38.0, "limit_window_s": 60.0},
            {"kind": "jetsam", "victim_bytes": 7, "explanation": "per-process-limit"},
            {"kind": "stackshot"},
            {"kind": "crash", "process": None},
            {"kind": "resource", "explanation": "(Limit 4096 threads) Crossed Thread Limit", "limit": 4096.0},
            {"kind": "resource", "explanation": "(Limit 20000 ports) Crossed system-wide Port Limit", "limit": 2e4},
        )
    )
    rows = [(row["kind"], row["value"], row["limit"], row["namespace"]) for row in events.to_dicts()]
    assert rows == [
        ("resource.cpu", 90.0, 90.0, None),  # 50 % of 180 s
        ("resource.wakeups", 45001.0, 45000.0, None),
        ("process.terminated", 9.0, 9.0, "RESOURCE"),
        ("jetsam.killed", 7.0, None, None),
        ("resource.cpu", None, 4096.0, None),
        ("resource.cpu", 9.0, 9.0, "RESOURCE"),  # 15 % of 60 s
    ]
    assert set(events["kind"]) <= KINDS


def test_kinds_that_make_no_event_are_listed_with_what_they_tell() -> None:
    silent = report_events(reports(*({"kind": kind} for kind in SILENT)))
    assert silent.is_empty()
    assert not set(SILENT) & {"crash", "jetsam", "cpu", "cpu_fatal", "wakeups", "disk_writes", "memory", "resource"}
    assert set(BY_BUG_TYPE.values()) - set(SILENT) <= {
        *("crash", "jetsam", "cpu", "cpu_fatal", "wakeups", "disk_writes", "resource"),
    }


def test_a_report_without_a_time_is_an_event_and_a_row_without_a_place() -> None:
    told = {"time": None, "bundle": "com.acme.voip", "used": 9.0, "limit": 15.0, "limit_window_s": 60.0}
    events = report_events(reports({"kind": "cpu_fatal"} | told, {"kind": "wakeups"} | told, {"kind": "jetsam"}))
    assert events["time"].null_count() == 3
    episodes = reconstruct(events, Span.of(events))
    deaths = episodes["terminations"].select("app", "process", "pid", "kind", "start", "end", "start_how", "in_call")
    assert deaths.filter(pl.col("app").is_not_null()).rows() == [
        ("com.acme.voip", "AcmeVoIP", 913, "cpu", None, None, None, None)
    ]
    limits = episodes["resource_events"].select("app", "kind", "value", "limit", "fatal", "start", "start_how")
    assert sorted(limits.rows()) == [
        ("com.acme.voip", "cpu", 9.0, 9.0, True, None, None),
        ("com.acme.voip", "wakeups", 9.0, 900.0, False, None, None),
    ]
    assert episodes["terminations"].height == 2
    assert episodes["processes"].height == 1  # of the jetsam report, which has a time


def test_a_crash_without_termination_reason_is_told_by_its_signal() -> None:
    old = {"kind": "crash", "exception": "EXC_CRASH", "explanation": "abort() called"}
    events = report_events(reports({**old, "signal": "SIGABRT"}, {**old, "signal": "SIGKILL"}))
    assert [(row["namespace"], row["code"]) for row in events.to_dicts()] == [("SIGNAL", "0x6"), (None, None)]


def test_a_figure_that_no_double_holds_is_unknown() -> None:
    endless = {"used": float("inf"), "limit": float("nan"), "limit_window_s": float("inf"), "window_s": float("inf")}
    events = report_events(reports({"kind": "cpu_fatal", **endless}))
    assert events.select("value", "limit", "duration_s").unique().rows() == [(None, None, None)]


def test_a_daemon_has_no_bundle() -> None:
    events = report_events(reports({"kind": "crash", "process": "itunescloudd", "bundle": "itunescloudd"}))
    assert events["bundle"].to_list() == [None]


def test_no_reports_no_events() -> None:
    assert report_events(reports()).is_empty()
