"""What keeps rules from running: found by asking their predicates, told by cause."""

from typing import Any

import pytest
from msgspec.structs import replace

from traceview.rules.builtin import builtin_rules
from traceview.rules.lacking import Source, grouped
from traceview.rules.registry import Inputs, NotEvaluated, Registry, Rule, Threshold
from traceview.rules.rows import Predicate

LOG = {"unified_log"}


def _silent(case: Any) -> dict[str, NotEvaluated]:
    return {one.rule: one for one in case.evaluate()[1]}


def test_every_rule_of_ours_can_name_what_it_lacks(case: Any) -> None:
    case.kinds, case.witnesses = frozenset(), frozenset()
    silent = _silent(case)
    assert len(silent) > 50
    assert {name for name, one in silent.items() if not one.lacks} == set()


@pytest.mark.parametrize(
    ("rule", "witnesses", "sources"),
    [
        ("one-way-audio", set(), ("calls", "audio")),
        ("one-way-audio", {"callservicesd"}, ("audio",)),
        ("one-way-audio", {"audiomxd"}, ("calls",)),
        ("background-without-reason", {"audiomxd"}, ("calls", "app states")),
        ("cpu-near-limit", {"audiomxd"}, ("powerlog",)),
        ("captured-late", set(), ("capture",)),
    ],
)
def test_only_what_is_absent_is_lacking(case: Any, rule: str, witnesses: set[str], sources: tuple[str, ...]) -> None:
    case.kinds, case.witnesses = frozenset(), frozenset(witnesses)
    assert _silent(case)[rule].lacks == sources


def test_a_predicate_sees_the_thresholds_of_its_own_rule(case: Any) -> None:
    case.kinds, case.witnesses = frozenset(), frozenset()
    registry = Registry()
    for name in ("first", "second"):
        own = replace(_mine(name, _heard_with(name)), thresholds=(Threshold(name, 1.0, "s", "heuristic", "a limit"),))
        registry.add(own)
    _, skipped = case.evaluate(registry=registry)
    assert [(one.rule, one.lacks) for one in skipped] == [("first", (Source.calls,)), ("second", (Source.calls,))]


def _heard_with(threshold: str) -> Predicate:
    return lambda inputs: "callservicesd" in inputs.witnesses and inputs.thresholds == {threshold: 1.0}


def test_without_a_log_all_that_need_lines_need_the_same() -> None:
    silent = [
        NotEvaluated("a", None, "A", "lines", (Source.audio,)),
        NotEvaluated("b", None, "B", "lines", (Source.calls, Source.states)),
        NotEvaluated("c", None, "C", "rows", (Source.powerlog,)),
        NotEvaluated("d", None, "D", "disabled in x.toml"),
        NotEvaluated("e", None, "E", "disabled in x.toml"),
    ]
    assert [str(one) for one in grouped(silent, {"ips"})] == [
        "2 need the device's log (a sysdiagnose, a .logarchive or log text)",
        "2: disabled in x.toml",
        "1 needs a PowerLog (a sysdiagnose holds one)",
    ]
    assert {str(one) for one in grouped(silent, {"ips", "powerlog", *LOG})} == {
        "1 needs log lines about audio (audiomxd, mediaserverd, AVAudioSession)",
        "1 needs log lines about calls and app states together",
        "1 needs rows that the PowerLog of this capture does not hold",
        "2: disabled in x.toml",
    }


def test_a_predicate_that_no_richer_capture_satisfies_keeps_its_own_words(case: Any) -> None:
    def stubborn(inputs: Inputs) -> bool:
        if "callservicesd" in inputs.witnesses:
            raise LookupError
        return False

    case.kinds, case.witnesses = frozenset(), frozenset()
    registry = Registry()
    registry.add(_mine("stubborn", stubborn))
    registry.add(_mine("never", lambda _: False))
    _, skipped = case.evaluate(registry=registry)
    assert [(one.rule, one.needs, one.lacks) for one in skipped] == [
        ("never", "a miracle", ()),
        ("stubborn", "a miracle", ()),
    ]


def _mine(name: str, can_run: Any) -> Rule:
    return replace(builtin_rules()[0], id=name, needs="a miracle", can_run=can_run)
