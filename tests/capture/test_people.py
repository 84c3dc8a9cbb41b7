"""Names of callers are told by any line of a log, also by those that a report does not show."""

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceview.capture import open_capture
from traceview.export import export
from traceview.people import TELLING, people_of
from traceview.report.known_names import MOST_PEOPLE, people_in
from traceview_parsers import open_trace

SAMPLE = Path(__file__).parents[2] / "sample_traces" / "suspended-in-call.ios26.compact.txt"
APP = " Df AcmeVoIP[812:1b20] [com.acme.voip:net] "
KEYS = (
    "callerName", "caller_name", "CallerName", "CALLER_NAME", "localizedCallerName", "remoteCallerName", "calleeName", "contact name",
    "participantName", "personName", "displayName", "display_name", "DISPLAY-NAME", "userDisplayName", "fromDisplayName",
    "remoteName", "remote_name", "REMOTE_NAME", "caller", "Callee", "CALLER",
)  # fmt: skip


def _capture(folder: Path, telling: str) -> Path:
    """Write the sample with a line that tells names far from any evidence, and one beside evidence that says a name."""
    lines = SAMPLE.read_text().splitlines()
    beside = next(index for index, line in enumerate(lines) if "client is background suspended" in line)
    lines.insert(beside + 1, f"{lines[beside][:23]}{APP}media to Jane Doe stopped")
    lines.insert(3, f"{lines[3][:23]}{APP}{telling}")
    file = folder / "call.txt"
    file.write_text("\n".join(lines) + "\n")
    return file


@pytest.mark.parametrize("telling", ["invite callerName=Jane Doe", 'INVITE From: "Jane Doe" <sip:jane@x.org>'])
@pytest.mark.parametrize("level", ["ids", "all"])
def test_a_name_goes_that_another_line_tells(tmp_path: Path, telling: str, level: str) -> None:
    with open_capture(_capture(tmp_path, telling)) as capture:
        plain = capture.analysis
        assert not plain.lines["message"].str.contains(telling, literal=True).any()
        assert plain.lines["message"].str.contains("Jane Doe").sum() == 1
        hidden = capture.redacted(level)  # type: ignore[arg-type]
        assert capture.redacted("none") is plain
        files = export(capture, tmp_path / "out", "ndjson", level)  # type: ignore[arg-type]
    assert hidden.redaction == level
    assert "Jane" not in str(hidden.lines["message"].to_list())
    assert not [file for file in files if "Jane" in file.read_text()]


@given(
    st.sampled_from(KEYS),
    st.sampled_from(("=", ": ", '="', '":"', " = ")),
    st.sampled_from(("Jane Doe", "Zo\u00eb Van Dyk", "\u5c71\u7530 \u592a\u90ce")),
)
def test_the_search_of_the_log_finds_each_line_that_tells_a_name(key: str, says: str, name: str) -> None:
    text = f"x {key}{says}{name}"
    if people_in(pl.Series([text])):
        assert any(word in text for word in TELLING)
    else:
        assert key.casefold() in {"caller", "callee"}


def test_state_dumps_name_apps_and_no_people(tmp_path: Path) -> None:
    told = (("stateEvent", "App Store"), ("logEvent", "Jane Doe"))
    rows = [
        {
            "timestamp": "2026-03-01 09:00:00.000000+0000",
            "eventType": event,
            "messageType": "Default",
            "processImagePath": "/usr/libexec/acmed",
            "processID": 7,
            "eventMessage": f'DisplayName = "{name}";',
        }
        for event, name in told
    ]
    file = tmp_path / "log.ndjson"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with open_trace(file) as trace:
        assert people_of(trace) == ["Jane Doe"]


def test_names_are_bounded(tmp_path: Path) -> None:
    told = "; ".join(f"callerName=Person{number} Doe" for number in range(MOST_PEOPLE + 50))
    with open_trace(_capture(tmp_path, told)) as trace:
        assert people_of(trace) == [f"Person{number} Doe" for number in range(MOST_PEOPLE)]


def test_programs_keep_their_names(tmp_path: Path) -> None:
    file = _capture(tmp_path, "callerName=Acme Voice")
    text = file.read_text().replace("AcmeVoIP[", "Acme Voice[")
    file.write_text(text)
    with open_capture(file) as capture:
        named = "Acme Voice" in capture.analysis.lines["process"].to_list()
        assert capture.redacted("ids").lines["process"].to_list() == capture.analysis.lines["process"].to_list()
    assert named
