"""Two captures side by side."""

from traceview.analysis import Analysis
from traceview.compare import compare
from traceview.rules.registry import Finding, NotEvaluated, Severity
from traceview_parsers.trace import CaptureInfo, Device


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
