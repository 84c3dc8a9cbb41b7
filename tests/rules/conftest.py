"""Episode tables in a few words."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from traceview.episodes.schema import EPISODES, TIME, Episodes
from traceview.rules.builtin import load_rules
from traceview.rules.config import Config
from traceview.rules.evaluate import evaluate
from traceview.rules.registry import CaptureFacts, Finding, NotEvaluated, Registry
from traceview.witness.schema import WITNESS_SCHEMA

ZERO = datetime(2026, 1, 15, 10, 0, tzinfo=UTC)
APP = "com.acme.voip"
WITNESSES = frozenset(
    {"runningboardd", "SpringBoard", "callservicesd", "audiomxd", "apsd", "kernel", "symptomsd", "AcmeVoIP"}
)
KINDS = frozenset(
    {
        "process.state",
        "process.exited",
        "call.reported",
        "call.answered",
        "call.ended",
        "push.delivered",
        "audio_session.activated",
        "audio_session.deactivated",
        "audio_io.started",
        "background_task.began",
    }
)


@dataclass
class Case:
    """Episode tables under construction. Times are seconds after `ZERO`."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {table: [] for table in EPISODES})
    kinds: frozenset[str] = KINDS
    witnesses: frozenset[str] = WITNESSES
    end: float = 3600.0
    facts: CaptureFacts = field(default_factory=CaptureFacts)
    windows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, table: str, start: float, end: float | None = None, **values: Any) -> "Case":
        """Append a row of the app (or another, see `values`); columns that hold times take seconds."""
        times = {name for name, dtype in EPISODES[table].items() if dtype == TIME}
        row: dict[str, Any] = {name: [] if dtype == pl.List(TIME) else None for name, dtype in EPISODES[table].items()}
        ordinal = sum(len(rows) for rows in self.rows.values()) + 1
        row |= {
            "id": f"{table}-{ordinal}",
            "app": APP,
            "process": "AcmeVoIP",
            "pid": 512,
            "start": start,
            "end": end,
            "start_how": "observed",
            "end_how": "observed" if end is not None else "capture_edge",
            "evidence": [ordinal * 10, ordinal * 10 + 1],
        }
        row |= values
        row |= {
            name: [at(value) for value in row[name]]
            for name, dtype in EPISODES[table].items()
            if dtype == pl.List(TIME)
        }
        self.rows[table].append({name: at(value) if name in times else value for name, value in row.items()})
        return self

    def measure(self, lane: str, start: float, end: float | None = None, **values: Any) -> "Case":
        """Append a window that another witness than the log tells; without `end` it is a moment."""
        row: dict[str, Any] = dict.fromkeys(WITNESS_SCHEMA)
        row |= {"lane": lane, "app": APP, "start": at(start), "end": at(start if end is None else end)}
        row |= {"ref": 9000 + len(self.windows), "end_known": True, **values}
        self.windows.append(row)
        return self

    def tables(self) -> Episodes:
        return {table: pl.DataFrame(rows, schema=EPISODES[table]) for table, rows in self.rows.items()}

    def evaluate(
        self, config: Config | None = None, apps: Collection[str] | None = None, registry: Registry | None = None
    ) -> tuple[list[Finding], list[NotEvaluated]]:
        return evaluate(
            self.tables(),
            kinds=self.kinds,
            witnesses=self.witnesses,
            capture_end=at(self.end),
            config=config or Config(),
            apps=apps,
            facts=self.facts,
            registry=registry,
            windows=pl.DataFrame(self.windows, schema=WITNESS_SCHEMA),
        )

    def findings(
        self, rule: str, thresholds: Mapping[str, float] | None = None, apps: Collection[str] | None = None
    ) -> list[Finding]:
        """Return what one rule finds; fails where it was not evaluated."""
        config = Config(thresholds={rule: thresholds or {}})
        found, skipped = self.evaluate(config, apps)
        assert rule not in {one.rule for one in skipped}, [one for one in skipped if one.rule == rule]
        return [one for one in found if one.rule == rule]

    def needs(self, rule: str) -> str | None:
        """Return what the rule says that it needs, or None where it was evaluated."""
        _, skipped = self.evaluate()
        return next((one.needs for one in skipped if one.rule == rule), None)


def at(seconds: float | None) -> datetime | None:
    return None if seconds is None else ZERO + timedelta(seconds=seconds)


@pytest.fixture
def case() -> Case:
    return Case()


@pytest.fixture
def healthy() -> Case:
    """A phone call as it should be: push, launch, report, answer, CallKit's audio, background, end, suspension."""
    made = Case()
    made.add("processes", 9.2, None, is_app=True, launch_reason="voip push")
    made.add("pushes", 9, 10, voip=True, received=9, launched=9.2, delivered=9.8, reported=10, report_latency_s=0.2)
    made.rows["pushes"][-1] |= {"outcome": "reported", "call": "calls-3"}
    made.add("calls", 10, 75, direction="incoming", kind="callkit", witness="callkit", outcome="answered", holds=0)
    made.rows["calls"][-1] |= {"reported": at(10), "answered": at(15), "audio_activated": at(15.6), "ended": at(75)}
    made.add("audio_sessions", 15.6, 75.4, category="PlayAndRecord", mode="VoiceChat", activated_by="callkit")
    made.rows["audio_sessions"][-1] |= {"in_call_s": 59.4, "background_s": 55.0, "stopped_by": "app"}
    made.add("app_states", 9.2, 16, state="background")
    made.add("app_states", 16, 20, state="foreground")
    made.add("app_states", 20, 80, state="background")
    made.add("app_states", 80, 600, state="suspended")
    made.add("suspensions", 80, 600, grace_s=5.0, in_call=False, ended_by="terminated", kept_awake_by="call")
    made.add("background_tasks", 75.1, 76, name="upload", outcome="ended", held_s=0.9, background_held_s=0.9)
    made.add("route_changes", 15.7, 15.7, route="Receiver", previous_route="Speaker", in_call=True)
    made.add("interruptions", 300, 310, resumed=False, in_call=False)
    made.add("background_runs", 20, 80, verdict="held", holders="call, audio", call_s=55.0, uncovered_s=5.0)
    made.rows["background_runs"][-1] |= {"longest_uncovered_s": 5.0, "location_s": 0.0, "uncovered_from": at(75)}
    made.add("push_to_talk", 700, 720, kind="transmission", pushed=700, audio_activated=701, activate_s=1.0)
    made.measure("cpu", 0, 300, value=4.0).measure("cpu", 300, 600, value=0.1)
    made.measure("network", 0, 600, value=900_000.0)
    made.measure("push", 9, kind="received", text="noted in the minutes after it came; over Wifi; priority 10")
    made.measure("hang", 30, 30.4, kind="Microhang").measure("hang", 400, 410, kind="Hang")
    made.add("glitches", 15.6, 15.6, kind="format_change", count=1, peak_per_10s=1, in_call=True)
    made.add("terminations", 600, 600, kind="user", code="0xdeadfa11", namespace="FRONTBOARD", in_call=False)
    made.add("terminations", 610, 610, app="com.apple.news", process="News", pid=99, kind="jetsam", code="0x9")
    return made


@pytest.fixture(scope="session")
def registry() -> Registry:
    return load_rules()[0]
