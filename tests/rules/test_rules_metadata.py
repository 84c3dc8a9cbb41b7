"""Every rule is complete, silent about a healthy call, and honest where it has no evidence."""

import re
from pathlib import Path
from typing import Any

import pytest

from traceview.rules import builtin
from traceview.rules.not_covered import NOT_COVERED
from traceview.rules.reference import explain, explain_findings, render
from traceview.rules.registry import Registry, Rule, Severity
from traceview_parsers.errors import UsageError

RULES = builtin.builtin_rules()
CATALOGUE = {"T": 19, "V": 12, "A": 14, "G": 14, "B": 13, "Q": 6}
IDS = [rule.id for rule in RULES]
NEEDS_FACTS = {"log-incomplete", "captured-late", "clock-changed", "powerlog-limited"}


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_metadata_is_complete(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.id)
    assert rule.numbers
    for number in rule.numbers:
        assert 1 <= int(number[1:]) <= CATALOGUE[number[0]]
    for text in (rule.title, rule.why, rule.fix, rule.needs):
        assert len(text) > 10
    assert rule.why.endswith(".")
    assert rule.fix.endswith(".")
    assert rule.links
    assert all(link.startswith("https://developer.apple.com/") for link in rule.links)
    for threshold in rule.thresholds:
        assert threshold.unit
        assert threshold.source
        assert threshold.meaning
        assert threshold.default > 0
    assert len({threshold.name for threshold in rule.thresholds}) == len(rule.thresholds)


def test_no_catalogue_number_is_claimed_by_two_unrelated_rules() -> None:
    owners: dict[str, list[str]] = {}
    for rule in RULES:
        for number in rule.numbers:
            owners.setdefault(number, []).append(rule.id)
    shared = {number: ids for number, ids in owners.items() if len(ids) > 1}
    assert shared == {"T04": ["background-task-overrun", "system-kill"]}


def test_every_number_has_a_rule_or_a_reason_and_never_both() -> None:
    ruled = {number for rule in RULES for number in rule.numbers}
    absent = {one.number for one in NOT_COVERED}
    assert not ruled & absent
    assert ruled | absent == {f"{letter}{at:02}" for letter, last in CATALOGUE.items() for at in range(1, last + 1)}


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_nothing_above_info_for_a_healthy_call(rule: Rule, healthy: Any) -> None:
    if rule.id in NEEDS_FACTS:
        assert healthy.needs(rule.id)
        return
    assert all(one.severity is Severity.info for one in healthy.findings(rule.id))
    assert all(one.severity is Severity.info for one in healthy.findings(rule.id, apps=["com.acme.voip"]))


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_not_evaluated_without_any_evidence(rule: Rule, case: Any) -> None:
    case.kinds = case.witnesses = frozenset()
    assert case.needs(rule.id) == rule.needs


def test_an_excerpt_of_the_app_alone_leaves_the_daemons_rules_open(case: Any) -> None:
    case.kinds, case.witnesses = frozenset(), frozenset({"AcmeVoIP"})
    _, skipped = case.evaluate()
    assert {one.rule for one in skipped} == set(IDS) - {"unusual-device"}


def test_generated_page_is_current() -> None:
    page = Path(builtin.__file__).with_name("RULES.md").read_text("utf-8")
    assert page == render("markdown") + "\n"


def test_reference_forms(registry: Registry) -> None:
    text, data = render("text"), render("json")
    for rule in RULES:
        assert rule.id in text
        assert f'"id": "{rule.id}"' in data
    with pytest.raises(UsageError, match="text, json, markdown"):
        render("yaml")
    assert len(list(registry)) >= len(RULES)


def test_explain_by_id_and_number() -> None:
    assert "push-unreported" in explain("T01")
    assert explain("v05") == explain("audio-activated-by-app-in-call")
    shared = explain("T04")
    assert "background-task-overrun" in shared
    assert "system-kill" in shared
    with pytest.raises(UsageError, match="did you mean push-unreported"):
        explain("push-unreporte")


def test_what_no_rule_decides_is_said_with_its_reason() -> None:
    assert "No rule decides this" in " ".join(explain("v12").split())
    for form in ("text", "json", "markdown"):
        assert all(one.title in render(form) for one in NOT_COVERED)


def test_explain_a_finding(healthy: Any) -> None:
    (found,) = healthy.findings("user-force-quit")
    text = explain_findings([(found, "", "")])
    assert found.title in text
    assert found.fingerprint in text
    assert "Needs:" in text
