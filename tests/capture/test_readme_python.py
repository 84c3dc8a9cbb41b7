"""The README's Python: it runs as it stands, and with any other capture in place of the sample."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATH = re.compile(r'path = "([^"]+)".*')


def _code() -> str:
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    return str(block)


def _run(code: str, capsys: pytest.CaptureFixture[str]) -> str:
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102 - what a reader pastes
    return capsys.readouterr().out


def test_it_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = PATH.search(_code())
    assert found is not None
    (tmp_path / "sample_traces").symlink_to(ROOT / "sample_traces")
    monkeypatch.chdir(tmp_path)
    told = _run(_code(), capsys)
    assert told.startswith("['com.acme.voip', ")
    assert "\ncritical com.acme.voip iOS suspended com.acme.voip for " in told
    assert "10 rules could not be evaluated" in told
    assert "message" in told
    assert "incoming" in told
    assert "background" in told
    assert "com.acme.voip" in (tmp_path / "timeline.html").read_text("utf-8")


@pytest.mark.parametrize("kind", ["powerlog", "report", "metrics", "sysdiagnose", "strange log", "empty"])
def test_it_runs_with_any_capture(
    kind: str, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {
        "powerlog": samples / "powerlog-call.ios18.PLSQL.gz",
        "sysdiagnose": next(samples.glob("sysdiagnose_*.tar.gz")),
        "report": tmp_path / "jetsam.ips",
        "metrics": tmp_path / "metrics.json",
        "strange log": tmp_path / "other.txt",
        "empty": tmp_path / "empty.txt",
    }
    files["report"].write_text(JETSAM)
    files["metrics"].write_text(METRICS)
    files["strange log"].write_text("2026-01-15 10:00:00.000000+0100 0x1 Default 0x0 7 0 acme: hello\n")
    files["empty"].write_text(SILENT)
    monkeypatch.chdir(tmp_path)
    told = _run(PATH.sub(f"path = {str(files[kind])!r}", _code()), capsys)
    assert "rules could not be evaluated" in told
    assert "shape:" in told
    assert (tmp_path / "timeline.html").stat().st_size > 1_000_000


JETSAM = """\
{"bug_type":"298","timestamp":"2026-01-15 10:00:00.00 +0100","os_version":"iPhone OS 18.2 (22C152)","incident_id":"A"}
{"bug_type":"298","date":"2026-01-15 10:00:00.00 +0100","product":"iPhone17,1","largestProcess":"dasd",
 "memoryStatus":{"pageSize":16384},"processes":[{"pid":9,"name":"dasd","rpages":400,"reason":"highwater"}]}
"""
"""Synthetic."""
METRICS = """\
{"timeStampBegin": "2026-01-15 07:00:00 +0000", "timeStampEnd": "2026-01-16 07:00:00 +0000",
 "cpuMetrics": {"cumulativeCPUTime": "100 sec"}}
"""
SILENT = "Timestamp                       Thread     Type        Activity             PID    TTL\n"
