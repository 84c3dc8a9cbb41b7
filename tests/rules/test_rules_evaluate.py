"""Running all rules: order, filters, failures, fingerprints, third-party rules, and random tables."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import EntryPoint
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from traceview.episodes.schema import EPISODES, TIME
from traceview.rules.builtin import add_from, builtin_rules
from traceview.rules.config import Config, Suppression
from traceview.rules.evaluate import evaluate, split_accepted
from traceview.rules.measured import RULES as RULES_OF_MEASUREMENTS
from traceview.rules.registry import CaptureFacts, Check, Finding, Inputs, Registry, Rule, Severity
from traceview.rules.windows import ByTime, Window, busiest, clusters, intersect, length_s, subtract, union
from traceview.witness.schema import WITNESS_SCHEMA

NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
"""Thirteen random tables shrink for minutes."""
ZERO = datetime(2026, 1, 15, 10, 0, tzinfo=UTC)


def make_rule(check: Check, rule_id: str = "acme-rule", can_run: Callable[[Inputs], Any] = lambda _: True) -> Rule:
    return Rule(
        id=rule_id,
        numbers=(),
        title="A rule of somebody else",
        severity=Severity.low,
        why="w",
        fix="f",
        needs="nothing",
        can_run=can_run,
        check=check,
    )


def one_finding(_: Inputs) -> Iterable[Finding]:
    return [Finding("acme-rule", None, Severity.low, None, None, None, "t", "e", "a", (1,))]


def broken(_: Inputs) -> Iterable[Finding]:
    raise KeyError("column")


def test_worst_first_then_by_time(case: Any) -> None:
    case.add("terminations", 50, 50, kind="user", code="0xdeadfa11")
    case.add("terminations", 40, 40, kind="lock_held", code="0xdead10cc")
    case.add("terminations", 20, 20, kind="lock_held", code="0xdead10cc")
    found, _ = case.evaluate()
    assert [one.severity.name for one in found] == ["critical", "critical", "info"]
    assert found[0].start < found[1].start


def test_a_broken_rule_is_visible_and_harmless(case: Any) -> None:
    registry = Registry()
    registry.add(make_rule(broken, "broken-rule"))
    registry.add(make_rule(broken, "broken-gate", can_run=broken))
    registry.add(make_rule(one_finding))
    found, skipped = case.evaluate(registry=registry)
    assert [one.rule for one in found] == ["acme-rule"]
    assert {one.rule for one in skipped} == {"broken-rule", "broken-gate"}
    assert all(one.needs.startswith("internal error: KeyError") for one in skipped)


@dataclass
class Loaded:
    value: Any
    name: str = "acme"

    def load(self) -> Any:
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


class Module:
    @staticmethod
    def register(registry: Registry) -> None:
        registry.add(make_rule(one_finding))


@pytest.mark.parametrize("plugin", [Module, Module.register])
def test_third_party_rules_by_callable_or_module(plugin: Callable[[Registry], None], case: Any) -> None:
    registry = Registry()
    assert add_from(Loaded(plugin), registry) is None
    found, _ = case.evaluate(registry=registry)
    assert [one.rule for one in found] == ["acme-rule"]


def test_a_third_party_that_fails_is_reported() -> None:
    failure = add_from(EntryPoint("acme", "no_such_module_at_all:register", "traceview.rules"), Registry())
    assert failure is not None
    assert "could not be loaded: ModuleNotFoundError" in failure.needs


def test_a_third_party_cannot_replace_a_rule() -> None:
    registry = Registry()
    registry.add(make_rule(broken))
    failure = add_from(EntryPoint("acme", "json:dumps", "traceview.rules"), registry)
    assert failure is not None
    assert "acme-rule" in registry


def test_apps_may_be_named_by_process_and_include_extensions(case: Any) -> None:
    case.add("processes", 0, 50)
    case.add("terminations", 10, 10, kind="crash", code="0xb")
    case.add("terminations", 20, 20, kind="crash", code="0xb", app="com.acme.voip.share", process="Share", pid=2)
    case.add("terminations", 30, 30, kind="crash", code="0xb", app="com.other", process="Other", pid=3)
    assert len(case.findings("unexplained-termination")) == 3
    assert len(case.findings("unexplained-termination", apps=["com.acme.voip"])) == 2
    assert len(case.findings("unexplained-termination", apps=["AcmeVoIP"])) == 2


def test_disabled_rules_are_listed(case: Any) -> None:
    case.add("terminations", 10, 10, kind="crash")
    found, skipped = case.evaluate(Config(disabled=("unexplained-termination",)))
    assert found == []
    assert any(one.rule == "unexplained-termination" and "disabled" in one.needs for one in skipped)


def test_severity_override(case: Any) -> None:
    case.add("terminations", 10, 10, kind="crash")
    found, _ = case.evaluate(Config(severities={"unexplained-termination": Severity.info}))
    assert [one.severity for one in found] == [Severity.info]
    (own,) = case.evaluate()[0]
    assert (own.given, found[0].given) == (None, own.severity)
    assert case.evaluate(Config(severities={"unexplained-termination": own.severity}))[0] == [own]


def test_suppressions_and_baseline(case: Any) -> None:
    case.add("terminations", 10, 10, kind="crash", code="0xb")
    (found,) = case.evaluate()[0]
    expired = Suppression(found.fingerprint, "r", date(2020, 1, 1))
    assert case.evaluate(Config(suppressions=(Suppression(found.fingerprint, "known"),)))[0] == []
    assert case.evaluate(Config(baseline=(found.fingerprint,)))[0] == []
    assert case.evaluate(Config(suppressions=(expired,)))[0] == [found]
    kept, dropped = split_accepted([found], Config(suppressions=(expired,)), date(2020, 1, 1))
    assert (kept, dropped) == ([], [found])


def test_fingerprints_do_not_depend_on_time_pid_or_count(case: Any) -> None:
    def trouble(made: Any, shift: float, pid: int) -> Any:
        made.add("calls", shift, shift + 60, kind="callkit", direction="incoming", answered=shift + 5, pid=pid)
        made.add("suspensions", shift + 10, shift + 20 + pid % 7, pid=pid)
        made.add(
            "background_tasks", shift, shift + 40, name="sync", outcome="ended", background_held_s=31.0 + shift, pid=pid
        )
        made.add("audio_sessions", shift, shift, refused_error="561017449", pid=pid)
        made.add("glitches", shift, shift, kind="overload", count=pid, peak_per_10s=12, in_call=True, pid=pid)
        made.add("terminations", shift + 61, shift + 61, kind="watchdog", code="0x8badf00d", pid=pid)
        return {one.fingerprint for one in made.evaluate()[0]}

    first = trouble(case, 0, 512)
    second = trouble(type(case)(), 1000, 777)
    assert first == second
    assert len(first) >= 6


HOSTILE = "<script>\x1b[31m\x00\u202e\n" * 20_000


def test_hostile_text_stays_short_and_on_one_line(case: Any) -> None:
    case.add("calls", 0, 60, kind="callkit", answered=1, end_reason="timed out" + HOSTILE, app=HOSTILE)
    case.add("background_tasks", 0, 40, name=HOSTILE, outcome="expired", app=HOSTILE)
    case.add("suspensions", 10, 20, kept_awake_by=HOSTILE, app=HOSTILE)
    case.add("audio_sessions", 5, 5, refused_error=HOSTILE, app=HOSTILE)
    case.add("audio_sessions", 5, 50, category=HOSTILE, app=HOSTILE)
    case.add("terminations", 50, 50, kind="crash", explanation=HOSTILE, code=HOSTILE, namespace=HOSTILE)
    for index in range(4):
        case.add("route_changes", index, index, route=HOSTILE * (index % 2), previous_route=HOSTILE * (1 - index % 2))
    found, skipped = case.evaluate()
    assert not [one for one in skipped if "internal" in one.needs]
    assert len({one.rule for one in found}) >= 6
    for one in found:
        assert len(one.title) < 500
        assert len(one.explanation) < 1500
        assert one.title.isprintable()
        assert one.explanation.isprintable()
        assert len(one.pattern) < 500


# --- random tables -----------------------------------------------------------------------------------------------

WORDS = {
    "state": ["foreground", "background", "suspended", "not_running"],
    "outcome": ["unreported", "blocked", "reported", "unknown", "ended", "overrun", "expired", "killed", "open"],
    "kind": [
        "callkit",
        "cellular",
        "overload",
        "io_failed",
        "format_change",
        "media_services_reset",
        "crash",
        "jetsam",
        "cpu",
    ],
    "activated_by": ["app", "callkit", "unknown"],
    "refused_error": ["561017449", "'!int'", "x", "0", "not_allowed"],
    "stopped_by": ["app", "system_suspended", "not_allowed", "unknown"],
    "code": ["0x8badf00d", "0xbaadca11", "0x2182bad2", "garbage", "7", "-1"],
    "category": ["PlayAndRecord", "Playback"],
    "direction": ["incoming", "outgoing"],
    "witness": ["callkit", "audio_session"],
    "app": ["com.acme.voip", "com.acme.voip.nse", "com.apple.music"],
    "process": ["Acme", "audiomxd", "callservicesd"],
    "end_how": ["observed", "inferred", "capture_edge"],
    "route": ["Speaker", "Receiver", ""],
    "previous_route": ["Speaker", "Receiver"],
}


MEASURED = {rule.id for rule in RULES_OF_MEASUREMENTS}


def values(name: str, dtype: pl.DataType) -> st.SearchStrategy[Any]:
    if name == "evidence":
        return st.lists(st.integers(0, 2**40), min_size=1, max_size=3)
    plain: dict[pl.DataType, st.SearchStrategy[Any]] = {
        TIME: st.integers(0, 400).map(lambda seconds: ZERO + timedelta(seconds=seconds)),
        pl.String(): st.sampled_from(WORDS.get(name, ["", "a", "timed out", "<private>"])),
        pl.Boolean(): st.booleans(),
        pl.Int64(): st.integers(0, 60),
        pl.Float64(): st.floats(0, 100),
    }
    return st.none() | plain.get(dtype, st.none())


def measured() -> st.SearchStrategy[list[dict[str, Any]]]:
    columns = {name: values(name, dtype) for name, dtype in WITNESS_SCHEMA.items()}
    columns["start"] = values("start", TIME).filter(lambda time: time is not None)
    columns["lane"] = st.sampled_from(["cpu", "network", "push", "hang", "call"])
    columns["ref"] = st.integers(0, 2**40)
    return st.lists(st.fixed_dictionaries(columns), max_size=6)


def rows(table: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    columns = {name: values(name, dtype) for name, dtype in EPISODES[table].items() if name != "id"}
    drawn = st.fixed_dictionaries(columns)
    if table == "calls":
        drawn = st.tuples(drawn, holds()).map(lambda parts: {**parts[0], **parts[1]})
    return st.lists(drawn, max_size=4)


def holds() -> st.SearchStrategy[dict[str, Any]]:
    """Pairs of times: each begin has its end."""
    moments = st.integers(0, 400).map(lambda seconds: ZERO + timedelta(seconds=seconds))
    pairs = st.lists(st.tuples(moments, moments).map(sorted), max_size=2)
    return pairs.map(lambda found: {"hold_starts": [one for one, _ in found], "hold_ends": [one for _, one in found]})


@settings(
    max_examples=25,
    deadline=None,
    phases=NO_SHRINKING,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.data())
def test_any_tables_give_findings_that_rest_on_them(data: st.DataObject) -> None:
    drawn = {table: data.draw(rows(table)) for table in EPISODES}
    tables = {
        table: pl.DataFrame(
            [{"id": f"{table}-{index}", **row} for index, row in enumerate(found)], schema=EPISODES[table]
        )
        for table, found in drawn.items()
    }
    windows = pl.DataFrame(data.draw(measured()), schema=WITNESS_SCHEMA)
    kinds = frozenset({"call.reported", "call.ended", "audio_session.stopped", "audio_io.overload"})
    everyone = frozenset({"runningboardd", "callservicesd", "audiomxd", "apsd", "kernel"})
    found, skipped = evaluate(
        tables,
        kinds=kinds | {"process.state", "background_task.began", "push.delivered", "resource.cpu"},
        witnesses=everyone,
        capture_end=data.draw(st.none() | st.just(ZERO + timedelta(seconds=500))),
        config=Config(),
        apps=data.draw(st.sampled_from([None, ["com.acme.voip"]])),
        facts=CaptureFacts(
            ZERO, ZERO, lost_messages=0, private_share=0.0, clock_step_s=0.0, clock_offset_s=0.0, powerlog_lite=False
        ),
        windows=windows,
    )
    assert {one.rule for one in skipped} <= MEASURED
    episodes = {episode for frame in tables.values() for episode in frame["id"].to_list()}
    refs = {ref for frame in tables.values() for evidence in frame["evidence"].to_list() for ref in evidence}
    refs |= set(windows["ref"].to_list())
    no_time = pl.col("start").is_null() & pl.col("start_how").is_null()
    undated = {episode for frame in tables.values() for episode in frame.filter(no_time)["id"].to_list()}
    rules = {rule.id: rule for rule in builtin_rules()}
    for one in found:
        assert one.episodes or one.rule in MEASURED
        assert set(one.episodes) <= episodes
        assert one.evidence
        assert set(one.evidence) <= refs
        assert len(set(one.evidence)) == len(one.evidence)
        assert one.severity <= rules[one.rule].severity
        assert one.number in rules[one.rule].numbers
        assert one.title
        assert one.explanation
        assert one.advice
        assert 0 < one.confidence <= 1
        assert one.start is not None or set(one.episodes) <= undated
        assert one.end is None or isinstance(one.end, datetime)


# --- windows -----------------------------------------------------------------------------------------------------


def windows() -> st.SearchStrategy[list[Window]]:
    pair = st.tuples(st.integers(0, 50), st.integers(0, 20))
    return st.lists(
        pair.map(lambda p: (ZERO + timedelta(seconds=p[0]), ZERO + timedelta(seconds=p[0] + p[1]))), max_size=6
    )


def covered(found: Iterable[Window]) -> set[int]:
    return {
        second
        for start, end in found
        for second in range(int((start - ZERO).total_seconds()), int((end - ZERO).total_seconds()))
    }


@given(windows(), windows())
def test_window_algebra_agrees_with_sets(left: list[Window], right: list[Window]) -> None:
    assert covered(union(left)) == covered(left)
    assert covered(intersect(left, right)) == covered(left) & covered(right)
    assert covered(subtract(left, right)) == covered(left) - covered(right)
    assert length_s(intersect(left, right)) + length_s(subtract(left, right)) == pytest.approx(length_s(union(left)))
    by_time = ByTime.of(enumerate(left))
    for since, until in right:
        assert sorted(by_time.meeting(since, until)) == [
            at for at, (start, end) in enumerate(left) if start < until and end > since
        ]
        assert by_time.reached(since) == max((end for start, end in left if start <= since), default=None)


@given(st.lists(st.integers(0, 100), max_size=12), st.integers(0, 30))
def test_busiest_agrees_with_brute_force(seconds: list[int], span: int) -> None:
    moments = [ZERO + timedelta(seconds=second) for second in sorted(seconds)]
    first, last = busiest(moments, span)
    best = max((sum(a <= b <= a + timedelta(seconds=span) for b in moments) for a in moments), default=0)
    assert last - first == best


def test_clusters() -> None:
    moments = [ZERO + timedelta(seconds=second) for second in (0, 5, 100, 101, 300)]
    assert clusters(moments, 60) == [(0, 2), (2, 4), (4, 5)]
    assert clusters([], 60) == []
