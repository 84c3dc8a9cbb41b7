"""Every real report through the whole chain: its kind, its row, its verdict, or the reason why it gets none."""

from pathlib import Path

import pytest

import traceview as tv

CAPTURE_WIDE = {"unusual-device"}
"""Findings about the device, whatever the report says."""
GLOBAL = "neither of the end of a process nor of a limit"

CHAIN: dict[str, tuple[str, str | None, str | None]] = {
    "cpu202/faisalmemon-apfs_defragd.cpu_resource-2020-10-19-234902.ips.synced": ("cpu", "cpu", "resource-warning"),
    "cpu202/faisalmemon-brain_cpu_ios.crash": ("cpu", "cpu", "resource-warning"),
    "cpu202/firefox-7226-excerpt.ips": ("cpu", "cpu", "resource-warning"),
    "cpu202/forum-700124-voip-15pct-60s-killed-excerpt.txt": ("cpu_fatal", "cpu", "cpu-kill"),
    "cpu202/ish-786-excerpt.ips": ("cpu", "cpu", "resource-warning"),
    "crash309/faisalmemon-kiosk_startup_ios-8badf00d.crash": ("crash", "watchdog", "watchdog-termination"),
    "crash309/macsymbolicator-ios-crash-json-header.crash": ("crash", "crash", "unexplained-termination"),
    "crash309/macsymbolicator-ios-crash.ips": ("crash", "crash", "unexplained-termination"),
    "crash309/pycrashreport-ios14-abort.ips": ("crash", "crash", "unexplained-termination"),
    "crash309/pycrashreport-ios14-symbolicated.ips": ("crash", "crash", "unexplained-termination"),
    "diskwrites145/faisalmemon-assetsd.diskwrites_resource-2020-10-18-025557.ips.synced": ("disk_writes", "disk", "resource-warning"),
    "jetsam298/faisalmemon-JetsamEvent-2020-10-15-172958.ips.synced": ("jetsam", "jetsam", "jetsam"),
    "jetsam298/faisalmemon-jetsam_highwater.crash": ("jetsam", "jetsam", "jetsam"),
    "jetsam298/faisalmemon-jetsam_per-process-limit.crash": ("other", None, "reports of CoreAnalytics (bug type 211): only their first line and counts of jetsam were read"),
    "other/pycrashreport-ios16-forceReset.ips": ("force_reset", None, f"tells of a restart of the whole device by hand: {GLOBAL}"),
    "stackshot288/faisalmemon-stackshot_ios.crash": ("stackshot", None, f"tells of what every process did at one moment: {GLOBAL}"),
    "wakeups142/cnblogs-9686826-broadcast-extension-excerpt.txt": ("wakeups", "wakeups", "resource-warning"),
    "wakeups142/faisalmemon-snapchat_many_wakes_ios.crash": ("wakeups", "wakeups", "resource-warning"),
    "wakeups142/firebase-6391-excerpt.txt": ("wakeups", None, "names no process, so that it cannot be laid at anybody's door"),
}  # fmt: skip
"""File → (kind of report, kind of the episode, rule of the verdict); without an episode: (kind, None, reason in coverage or problems)."""


@pytest.mark.parametrize("name", sorted(CHAIN))
def test_kind_row_and_verdict_or_reason(real: Path, name: str) -> None:
    path = real / "ips" / name
    kind, episode, verdict = CHAIN[name]
    with tv.open(path) as capture:
        analysis = capture.analysis
    assert set(analysis.tables["reports"]["kind"]) == {kind}
    tables = [analysis.episodes[table] for table in ("terminations", "resource_events")]
    rules = {one.rule for one in analysis.findings} - CAPTURE_WIDE
    (source,) = analysis.coverage
    if episode is None:
        assert all(table.is_empty() for table in tables)
        assert rules == set()
        assert verdict in {*source.notes, *(one.message for one in analysis.problems)}
    else:
        assert {row for table in tables for row in table["kind"]} == {episode}
        assert rules == {verdict}
    assert not [rule for rule in analysis.not_evaluated if "internal error" in rule.needs]


def test_every_other_real_report_gives_a_verdict_or_a_reason(real: Path) -> None:
    paths = [path for path in (real / "ips").rglob("*") if path.is_file() and path.name != "bug_types.json"]
    others = [path for path in paths if str(path.relative_to(real / "ips")) not in CHAIN]
    assert len(others) == len(paths) - len(CHAIN)
    for path in others:
        with tv.open(path) as capture:
            analysis = capture.analysis
        told = {one.rule for one in analysis.findings} - CAPTURE_WIDE
        assert told or analysis.coverage[0].notes, path.name


def test_a_kill_without_a_time_is_told_with_all_that_the_report_says(real: Path) -> None:
    path = real / "ips/cpu202/forum-700124-voip-15pct-60s-killed-excerpt.txt"
    with tv.open(path) as capture:
        (found,) = capture.analysis.findings
        (line,) = capture.analysis.lines.to_dicts()
        (limit,) = capture.resource_events.select("value", "limit", "fatal", "start").rows()
    assert (found.start, found.severity.name) == (None, "critical")
    assert "prints no time" in found.explanation
    assert "exceeding limit of 15% cpu over 60 seconds" in line["message"]
    assert limit == (9.0, 9.0, True, None)  # 15 % of 60 s


def test_what_lies_where_apps_are_installed_is_no_process_of_ios(real: Path) -> None:
    with tv.open(real / "ips/wakeups142/cnblogs-9686826-broadcast-extension-excerpt.txt") as capture:
        (found,) = [one for one in capture.analysis.findings if one.rule == "resource-warning"]
        (report,) = capture.table("reports").select("bundle", "installed").rows()
    assert report == (None, True)
    assert (found.severity.name, found.confidence) == ("medium", 1.0)
    assert found.title.startswith("LABroadcastUpload woke the CPU")
    with tv.open(real / "ips/wakeups142/faisalmemon-snapchat_many_wakes_ios.crash") as capture:
        assert capture.table("reports")["installed"].to_list() == [True]
