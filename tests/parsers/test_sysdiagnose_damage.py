"""Every kind of sidecar, cut anywhere and with junk anywhere: an error of one sentence, or what is whole."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceview_parsers import open_trace
from traceview_parsers.errors import InputError
from traceview_parsers.sysdiagnose.sidecar import size

FILES = {
    path.name: path.read_text("utf-8")
    for path in sorted((Path(__file__).parent / "sidecars").iterdir())
    if path.suffix != ".md"
}
JUNK = st.text(st.characters(codec="utf-8"), max_size=40) | st.from_regex(r"[0-9]{1,40}", fullmatch=True)


@given(name=st.sampled_from(sorted(FILES)), data=st.data())
def test_cut_files_keep_what_is_whole(sidecar: Any, name: str, data: st.DataObject) -> None:
    text = FILES[name]
    cut = text[: data.draw(st.integers(0, len(text)))]
    try:
        rows = sidecar.every_row(sidecar(name, cut))
    except InputError:
        return
    assert len(rows) <= len(sidecar.every_row(sidecar(name, text))) + 1


@given(name=st.sampled_from(sorted(FILES)), data=st.data(), junk=JUNK)
def test_junk_anywhere_is_no_error(sidecar: Any, name: str, data: st.DataObject, junk: str) -> None:
    text = FILES[name]
    at = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(at, min(at + 30, len(text))))
    try:
        source = sidecar(name, text[:at] + junk + text[end:])
    except InputError:
        return
    sidecar.every_row(source)


@pytest.mark.parametrize(
    ("name", "text", "table"),
    [
        (
            "shutdown.log",
            "{head}\n\tremaining client pid: 951 (/a/AcmeVoIP)\nSIGTERM: [9999999999] done\n",
            "shutdown_clients",
        ),
        ("crashes_and_spins.log", "/var/mobile/AcmeVoIP-9999-01-15-095139.ips, 1\n", "listed_reports"),
        ("99990114-235950-CallSettings.calldump", "235951.000000 AudioPacketsPerSec 25\n", "call_settings"),
        ("99990114-235950-CallSettings.calldump", "AudioPacketsPerSec 25\n", "call_settings"),
    ],
)
def test_times_that_no_table_can_hold_are_none(sidecar: Any, name: str, text: str, table: str) -> None:
    source = sidecar(name, text.format(head="After 2.1s, these clients are still here:"))
    assert [row["time"] for row in sidecar.rows(source, table)] == [None]


def test_a_capture_in_a_year_that_no_table_can_hold_has_no_time(tmp_path: Path) -> None:
    name = "sysdiagnose_9999.01.15_10-30-00+0100_iPhone-OS_iPhone_23C55"
    (tmp_path / name).mkdir()
    (tmp_path / name / "sysdiagnose.log").write_text(f"x IN_PROGRESS_{name}/\n", "utf-8")
    (tmp_path / name / "ps.txt").write_text("PID COMMAND\n1 /sbin/launchd\n", "utf-8")
    trace = open_trace(tmp_path / name)
    assert trace.table("processes_at_capture").to_pylist()[0]["time"] is None
    assert {one.clock for one in trace.coverage()} == {"no capture time known", "facts of device and capture"}


def test_sizes_that_no_memory_has_are_none() -> None:
    assert size("1024.5 TB") is None
    assert size("1023 TB") == 1023 << 40
