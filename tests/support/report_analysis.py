"""Synthetic analyses for tests of reports, plots and redaction; no line is from a device."""

import polars as pl
from report_rows import APP, MUSIC, at, episodes, lines, log_lines, table

from traceview.analysis import Analysis
from traceview.rules.registry import Finding, NotEvaluated, Severity
from traceview.signals.vocabulary import EVENT_SCHEMA
from traceview_parsers.problems import Problem
from traceview_parsers.schema import SCHEMAS
from traceview_parsers.trace import CaptureInfo, Coverage, Device


def _findings() -> list[Finding]:
    return [
        Finding(
            rule="push-unreported",
            number="T02",
            severity=Severity.critical,
            app=APP,
            start=at(300),
            end=at(307.6),
            title="iOS killed com.acme.voip 7.6 s after a VoIP push for which it reported no call (0xbaadca11)",
            explanation="The push reached the app at 300.4 s, no reportNewIncomingCall followed. iOS ends such an app,"
            " and after repeated failures it delivers no VoIP pushes at all. Seen on Jane's Phone.",
            advice="Report the call inside pushRegistry(_:didReceiveIncomingPushWith:), before any network work.",
            evidence=(8, 9, 10),
            confidence=0.98,
            episodes=("push-2", "termination-1"),
            pattern="killed",
            measures={"after_push_s": 7.6, "pushes_count": 1.0},
        ),
        Finding(
            rule="audio-late",
            number="V04",
            severity=Severity.high,
            app=APP,
            start=at(66.1),
            end=at(71.9),
            title="The user heard nothing for 5.8 s after answering: the app activated the audio session itself",
            explanation="The app called setActive(true) in the call, was refused with '!pri', and waited.",
            advice="Only configure the session; start audio in provider(_:didActivate:).",
            evidence=(4, 5),
            confidence=0.9,
            episodes=("call-1", "audio_session-1"),
            measures={"answer_to_audio_s": 5.8},
        ),
        Finding(
            rule="io-overload",
            number="G01",
            severity=Severity.medium,
            app=APP,
            start=at(111),
            end=at(119),
            title="42 audio IO cycles were skipped within 8 s of a call, during a CPU warning",
            explanation="The IO thread missed its deadline while the process was over its CPU budget.",
            advice="Take work off the audio thread.",
            evidence=(6, 7, 14),
            confidence=0.7,
            episodes=("glitch-1", "call-1"),
            measures={"overloads_count": 42.0},
        ),
        Finding(
            rule="background-task-overrun",
            number="T05",
            severity=Severity.low,
            app=APP,
            start=at(10),
            end=at(38),
            title="Background task “upload” was held for 28 s",
            explanation="iOS warns when a task is older than 30 s.",
            advice="End the task as soon as the work is done.",
            evidence=(),
            confidence=0.6,
            episodes=("background_task-1",),
        ),
        Finding(
            rule="route-flapping",
            number="G04",
            severity=Severity.info,
            app=APP,
            start=None,
            end=None,
            title="3 route changes during one call",
            explanation="",
            advice="",
            evidence=(99999,),
            confidence=0.5,
        ),
    ]


def build_rich() -> Analysis:
    """Return an analysis with something in every part of the report."""
    told = lines()
    events = told.filter(pl.col("signal").is_not_null()).select(
        "ref",
        "time",
        "signal",
        "process",
        "pid",
        "subsystem",
        "message",
        kind=pl.lit("push.received"),
        bundle=pl.lit(APP),
        call_id=pl.lit("A1B2C3D4-1111-2222-3333-444455556666"),
    )
    missing = {name: kind for name, kind in EVENT_SCHEMA.items() if name not in events.columns}
    events = events.with_columns(**{name: pl.lit(None, dtype=kind) for name, kind in missing.items()})
    return Analysis(
        capture=CaptureInfo(
            "sysdiagnose_2026.05.04_14-12-00+0200_iPhone-OS_iPhone_23E210.tar.gz",
            1777896720_000000000,
            "+02:00",
            "archive name",
        ),
        device=Device(
            "iPhone14,2", "iOS", "26.4", "23E210", "Jane's Phone", "F2LXK1ABCDEF", "00008110-000A1B2C3D4E5F60"
        ),
        coverage=[
            Coverage(
                "system_logs.logarchive",
                "unified_log",
                int(at(0).timestamp() * 1e9),
                int(at(600).timestamp() * 1e9),
                1_204_551,
                "timesync",
                20_000,
                ("312 messages were lost by logd",),
            ),
            Coverage(
                "logs/powerlogs/powerlog_2026-05-04.PLSQL.gz",
                "powerlog",
                int(at(-90000).timestamp() * 1e9),
                int(at(580).timestamp() * 1e9),
                48_211,
                "PowerLog offset table",
                500_000_000,
            ),
            Coverage("crashes_and_spins/Acme-2026-05-04.ips", "ips", None, None, 1, "printed with zone"),
        ],
        problems=[
            Problem(
                "system_logs.logarchive",
                "truncated",
                "The last chunk is cut; everything before it was read.",
                88_123_904,
                "byte",
                1,
                "\x00\x01<b>",
            ),
        ],
        apps=[APP, MUSIC],
        events=events.select(list(EVENT_SCHEMA)),
        episodes=episodes(),
        findings=_findings(),
        not_evaluated=[
            NotEvaluated("route-flip", "G06", "Bluetooth profile flips", "a PowerLog with the Audio tables"),
            NotEvaluated("thermal-kill", "T14", "Thermal kill", ".ips reports"),
        ],
        lines=told,
        tables={
            "processes_at_capture": pl.DataFrame(
                [{"ref": 1, "pid": 512, "command": "/Users/janedoe/Acme --sip sip:jane@pbx.example.org"}],
                schema=pl.DataFrame(SCHEMAS["processes_at_capture"].empty_table()).schema,
            ).with_columns(user=pl.lit("jane.doe@example.org").cast(pl.Categorical))
        },
        rows_read=1_252_763,
    )


def build_empty() -> Analysis:
    """Return an analysis of a readable capture in which nothing was found."""
    return Analysis(
        capture=CaptureInfo("quiet.logarchive"),
        device=Device("iPhone14,2", "iOS", "26.4"),
        coverage=[
            Coverage(
                "quiet.logarchive",
                "unified_log",
                int(at(0).timestamp() * 1e9),
                int(at(60).timestamp() * 1e9),
                5120,
                "timesync",
            )
        ],
        not_evaluated=[NotEvaluated("route-flip", "G06", "Bluetooth profile flips", "a PowerLog")],
        rows_read=5120,
    )


def build_crowded(tasks: int, evidence: int) -> Analysis:
    """Return an analysis with so many background tasks and so many evidence lines."""
    analysis = build_rich()
    rows = [
        {"start": at(index / 10), "end": at(index / 10 + 0.05 + index % 7), "outcome": "ended", "name": "sync"}
        for index in range(tasks)
    ]
    analysis.episodes["background_tasks"] = table("background_tasks", rows)
    told = log_lines(
        [
            (index / 8, "Acme", f"line {index} about the call " + "x" * (index % 90), "io-overload")
            for index in range(evidence)
        ]
    )
    analysis.lines = told
    refs = told["ref"].to_list()
    step = max(1, evidence // 50)
    analysis.findings = [
        Finding(
            "io-overload",
            "G01",
            Severity.medium,
            APP,
            at(start / 8),
            at((start + step) / 8),
            f"Finding {start // step} with {step} evidence lines",
            "Synthetic.",
            "None.",
            tuple(refs[start : start + step]),
            pattern=str(start),
        )
        for start in range(0, evidence, step)
    ]
    return analysis
