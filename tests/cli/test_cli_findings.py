"""Findings at the terminal."""

from pathlib import Path

import traceview as tv
from traceview.cli.text import render_analysis

SYSDIAGNOSE = "sysdiagnose_2026.01.15_10-30-00+0100_iPhone-OS_iPhone_23C55.tar.gz"


def test_what_several_findings_have_to_say_alike_is_said_once(samples: Path, tmp_path: Path) -> None:
    whole = (samples / SYSDIAGNOSE).read_bytes()
    cut = tmp_path / "half.tar.gz"
    cut.write_bytes(whole[: len(whole) // 2])
    with tv.open(cut) as capture:
        analysis = capture.analysis
    alike = [finding for finding in analysis.findings if finding.rule == "call-single-witness"]
    assert len(alike) > 1, "the calls that the PowerLog alone tells of"
    text = " ".join(render_analysis(analysis).split())
    for words in {finding.explanation for finding in alike} | {f"→ {finding.advice}" for finding in alike}:
        assert text.count(" ".join(words.split())) == 1
    assert text.count("→ as above for call-single-witness") == len(alike) - 1
    for finding in analysis.findings:
        assert " ".join(finding.title.split()) in text
