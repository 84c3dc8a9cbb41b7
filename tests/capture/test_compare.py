"""Two captures side by side."""

import pytest

from traceview.analysis import Analysis
from traceview.compare import Exposure, compare, exposure, releases, unlike, unproven
from traceview.rules.registry import Finding, NotEvaluated, Severity
from traceview_parsers.trace import CaptureInfo, Coverage, Device


def finding(rule: str, severity: Severity = Severity.high, app: str = "com.acme.voip") -> Finding:
    return Finding(rule, None, severity, app, None, None, f"{rule} happened", "", "", ())


def analysis(*findings: Finding, silent: tuple[str, ...] = ()) -> Analysis:
    return Analysis(
        CaptureInfo(),
        Device(),
        findings=list(findings),
        not_evaluated=[NotEvaluated(rule, None, rule, "lines") for rule in silent],
    )


def test_changes_are_by_fingerprint_worst_first() -> None:
    before = analysis(finding("gone"), finding("same"), finding("more"))
    after = analysis(finding("same"), finding("more"), finding("more"), finding("new", Severity.low))
    rows = [(row.change, row.rule, row.before, row.after) for row in compare(before, after)]
    assert rows == [("new", "new", 0, 1), ("more", "more", 1, 2), ("same", "same", 1, 1), ("gone", "gone", 1, 0)]


def test_of_what_is_new_the_worst_comes_first() -> None:
    after = analysis(finding("a", Severity.low), finding("b", Severity.critical), finding("c", Severity.medium))
    assert [row.rule for row in compare(analysis(), after)] == ["b", "c", "a"]


def test_the_same_rule_of_another_app_is_another_trouble() -> None:
    rows = compare(analysis(finding("x", app="a")), analysis(finding("x", app="b")))
    assert sorted((row.change, row.app) for row in rows) == [("gone", "a"), ("new", "b")]


def test_a_rule_that_could_not_speak_is_marked() -> None:
    (row,) = compare(analysis(finding("x")), analysis(silent=("x",)))
    assert (row.change, row.not_evaluated) == ("gone", True)


def test_only_what_no_rule_could_check_is_unproven() -> None:
    before = analysis(finding("silent"), finding("mild", Severity.low), finding("solved"))
    rows = compare(before, analysis(finding("new"), silent=("silent", "mild")))
    assert [row.rule for row in unproven(rows, Severity.medium)] == ["silent"]
    assert [row.rule for row in unproven(rows, Severity.info)] == ["silent", "mild"]
    assert unproven(compare(analysis(silent=("x",)), analysis(finding("x"))), Severity.info) == []


@pytest.mark.parametrize(
    ("before", "after", "unseen"),
    [
        (["a"], ["b"], True),
        (["a"], ["b", "a"], False),
        (["b"], ["b"], False),  # a process that is no app
    ],
)
def test_an_app_that_is_not_seen_is_not_cured(before: list[str], after: list[str], *, unseen: bool) -> None:
    sides = analysis(finding("x", app="a")), analysis()
    sides[0].apps, sides[1].apps = before, after
    for rows in (compare(*sides), compare(sides[1], sides[0])):
        assert [row.unseen for row in rows] == [unseen]
    assert len(unproven(compare(*sides), Severity.high)) == unseen
    assert unproven(compare(sides[1], sides[0]), Severity.high) == []


SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("coverage", "seconds"),
    [
        ([], None),
        ([Coverage("a", "log_text")], None),
        ([Coverage("a", "log_text", 0, 10 * SECOND)], 10.0),
        ([Coverage("a", "log_text", 0, 10 * SECOND), Coverage("b", "log_text", 5 * SECOND, 20 * SECOND)], 20.0),
        ([Coverage("a", "unified_log", 0, 10 * SECOND, gaps=((2 * SECOND, 5 * SECOND),))], 7.0),
        ([Coverage("a", "log_text", 0, SECOND), Coverage("b", "powerlog", 0, 99 * SECOND)], 1.0),
        ([Coverage("b", "powerlog", 0, 99 * SECOND), Coverage("c", "ips", 0, 500 * SECOND)], 99.0),
    ],
)
def test_covered_time_is_that_of_the_logs_without_gaps_and_once(
    coverage: list[Coverage], seconds: float | None
) -> None:
    assert exposure(Analysis(CaptureInfo(), Device(), coverage=coverage)).covered_s == seconds


@pytest.mark.parametrize(
    ("before", "after", "differing"),
    [
        (Exposure(10.0, 1, 1), Exposure(10.0, 6, 1), ["the number of calls"]),
        (Exposure(10.0, 2, 0), Exposure(20.0, 4, 0), []),
        (Exposure(10.0, 2, 0), Exposure(20.1, 4, 1), ["the covered time", "the number of VoIP pushes"]),
        (Exposure(None, 0, 0), Exposure(20.0, 0, 0), []),
    ],
)
def test_what_differs_by_more_than_half_is_told(before: Exposure, after: Exposure, differing: list[str]) -> None:
    assert unlike(before, after) == unlike(after, before) == differing


def test_how_much_is_shown_is_told_in_words() -> None:
    assert str(Exposure(3605.0, 1, 2)) == "1 h 00 min covered, 1 call, 2 VoIP pushes"
    assert str(Exposure(None, 0, 0)) == "covered time unknown, 0 calls, 0 VoIP pushes"


NEW = Device(os_name="iOS", os_version="26.2", os_build="23C55")
BETA = Device(os_name="iOS", os_version="26.2", os_build="23C5027f")
APP = {"com.acme.voip": "4.2.0"}
Side = tuple[Device, dict[str, str]]


def side(device: Device, versions: dict[str, str]) -> Analysis:
    return Analysis(CaptureInfo(), device, apps=["com.acme.voip", "com.acme.chat"], app_versions=versions)


@pytest.mark.parametrize(
    ("before", "after", "same", "told"),
    [
        ((NEW, APP), (NEW, APP), True, "the same release: com.acme.voip 4.2.0; iOS 26.2 (23C55)"),
        (
            (NEW, APP),
            (NEW, {"com.acme.voip": "4.3"}),
            False,
            "not the same release: com.acme.voip 4.2.0 → 4.3; iOS 26.2 (23C55)",
        ),
        (
            (BETA, APP),
            (NEW, APP),
            False,
            "not the same release: com.acme.voip 4.2.0; iOS 26.2 (23C5027f) → iOS 26.2 (23C55)",
        ),
        (
            (Device(os_name="iOS", os_version="18.5"), {}),
            (NEW, APP),
            False,
            "not the same release: com.acme.voip unknown → 4.2.0; iOS 18.5 (build unknown) → iOS 26.2 (23C55)",
        ),
        (
            (Device(os_name="iOS", os_version="26.2"), APP),
            (NEW, APP),
            None,
            "unknown whether it is the same release: com.acme.voip 4.2.0; iOS 26.2 (build unknown) → iOS 26.2 (23C55)",
        ),
        (
            (Device(os_build="23C55"), APP),
            (NEW, APP),
            True,
            "the same release: com.acme.voip 4.2.0; system (version unknown, build 23C55) → iOS 26.2 (23C55)",
        ),
        (
            (Device(), {}),
            (Device(), {}),
            None,
            "unknown whether it is the same release: versions of the apps unknown; system unknown",
        ),
        (
            (NEW, {}),
            (NEW, {}),
            None,
            "unknown whether it is the same release: versions of the apps unknown; iOS 26.2 (23C55)",
        ),
        (
            (NEW, {"com.acme.voip": "4.2.0 or 4.3.0"}),
            (NEW, {"com.acme.voip": "4.2.0 or 4.3.0"}),
            None,
            ("unknown whether it is the same release: com.acme.voip 4.2.0 or 4.3.0 → 4.2.0 or 4.3.0; iOS 26.2 (23C55)"),
        ),
        (
            (NEW, {"com.acme.voip": "4.2"}),
            (NEW, APP),
            True,
            "the same release: com.acme.voip 4.2; iOS 26.2 (23C55)",
        ),
        (
            (Device(os_name="iOS", os_build="23C55"), APP),
            (Device(os_name="macOS", os_build="23C55"), APP),
            False,
            (
                "not the same release: com.acme.voip 4.2.0; iOS (version unknown, build 23C55) → "
                "macOS (version unknown, build 23C55)"
            ),
        ),
    ],
)
def test_whether_two_captures_are_of_one_release(before: Side, after: Side, same: bool | None, told: str) -> None:  # noqa: FBT001  (one answer of the table)
    found = releases(side(*before), side(*after))
    assert (found.same, found.told) == (same, told)


def test_what_is_unknown_of_a_side_is_said() -> None:
    found = releases(side(Device(), {}), side(NEW, APP))
    assert found.before == "version unknown: com.acme.voip, com.acme.chat; system unknown"
    assert found.after == "com.acme.voip 4.2.0; version unknown: com.acme.chat; iOS 26.2 (23C55)"
    many = Analysis(CaptureInfo(), NEW, apps=list("abcde"))
    assert releases(many, many).before == "version unknown: a, b, c, 2 more; iOS 26.2 (23C55)"
