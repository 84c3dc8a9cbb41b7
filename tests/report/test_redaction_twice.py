"""Redaction looks at each value once: tokens are no values, no line ends it, and sentences show the tokens of the tables."""

import re
from typing import Final

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from traceview.analysis import Analysis
from traceview.report.pseudonyms import Pseudonyms
from traceview.report.redact import redact
from traceview.report.shapes import SHAPES
from traceview.rules.rows import shown
from traceview_parsers.trace import Device

EXAMPLES: Final = (
    "phoneNumber = +49 151 2345678", "IMEI 35 693803 564380 9", "displayName=Max Mustermann", "caller: Max Mustermann",
    'From: "Max" <sip:max@x.org>', "user_id=8812345", "/var/Documents/logs/max.mustermann/a.log", "ssid: The Doe Family",
    "login=jane.doe", "sipPassword=s3cret", "Bearer abc123", 'joined ssid "Doe Family"', "sip user jane.doe1",
    "Cookie: a=b; c=d", "serial F2LXK1ABCDEF", "annas-mac.local", "ec2-203-0-113-25.compute", "length = 9, bytes = 0x446f6546",
    "sip:bob@x.org", "tel:+4915123456789", "<CXHandle type=1, value=5551234567>", "type=generic, value=jane.doe",
    "https://jane:pw@10.0.0.7:80/users/jane?token=a", "wss://jane@pbx.example.org", "Jane's iPhone", "Annas iPhone",
    "iPhone von Jane Doe", "callee=4915123456789", "lat=52.52, lon=13.40", "<+52.52000,+13.40500>",
    "00008110-000A1B2C3D4E5F60", "A1B2C3D4-1111-2222-3333-444455556666", "9f86d081884c7d659a2feaa0c55ad015",
    "<a1b2c3d4 e5f60718 293a4b5c>", "bob@x.org", "\u5f20\u4f1f\u7684iPhone", "a4:83:e7:01:02:03", "a483.e701.0203",
    "fe80::1c2d:3e4f", "+49 151 23456789", "(555) 123-4567", "(030) 1234 56", "10.0.0.7", "> 10.1.1.1.80",
    "0049 151 23456789", "555-123-4567", "0151 2345678", "015123456789", "/Users/jane/Library",
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9abcdefgh",
)  # fmt: skip
OWNED: Final = Device(name="Jane's iPhone", serial="F2LXK1ABCDEF", udid="00008110-000A1B2C3D4E5F60")


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape.kind}: {shape.pattern[:40]}")
def test_each_shape_has_an_example(shape: object) -> None:
    kind, pattern, before, after, *_ = shape  # type: ignore[misc]
    assert any(re.search(f"{before}(?:{pattern}){after}", example) for example in EXAMPLES), kind


@example([("phoneNumber = +49 151 2345678", " "), ("00008110-000A1B2C3D4E5F60", " ")])
@given(st.lists(st.tuples(st.sampled_from(EXAMPLES), st.sampled_from((" ", ", ", "; ", "\n", " | "))), max_size=8))
def test_what_was_scrubbed_once_stays(parts: list[tuple[str, str]]) -> None:
    names = Pseudonyms(OWNED, ["Max Mustermann"])
    once = names.scrub("".join(text + gap for text, gap in parts))
    assert names.scrub(once) == once


@pytest.mark.parametrize(
    "unit",
    [
        "xToken:a:", "xToken:active ", "xToken:<T: 0x1 ", "xToken:<T:0x1", "xToken:(0x1", "Login: starting ", "password:none,",
        "number: 1234567890 ", "lat: 999.0 ", "com.acme.local ", 'password="\\"', r"password:\"\\\\", "xToken=" + "a" * 90,
        "xUser:a:yToken:", "passcode: unlocked ", "user=root;", "https://10.0.0.1/", "name-1 ",
    ],
)  # fmt: skip
def test_ten_thousand_keys_in_a_line_are_read_in_linear_time_and_depth(unit: str) -> None:
    """Each value that is none is looked at again for keys within it. The time limit of the suite is the assertion."""
    names = Pseudonyms(OWNED)
    assert names.scrub(unit * 10_000)


def test_a_line_of_keys_ends_no_redaction(rich: Analysis) -> None:
    lines = rich.lines.with_columns(message=pl.lit("xToken:a:" * 1000 + " password=hunter2"))
    hidden = redact(replace(rich, lines=lines), "ids")
    assert not hidden.lines["message"].str.contains("hunter2").any()


@pytest.mark.parametrize(
    "said", ["login failed userName=anna99 at https://acme.example/anna/inbox", 'callerName="Jane Doe" /Users/jane/x']
)
def test_a_finding_shows_the_tokens_of_the_lines(rich: Analysis, said: str) -> None:
    lines = rich.lines.with_columns(message=pl.lit(said))
    finding = replace(rich.findings[0], title=f"crashed: {shown(said)}", explanation=said, quotes=())
    hidden = redact(replace(rich, lines=lines, findings=[finding]), "ids")
    (line,) = set(hidden.lines["message"])
    assert line != said
    assert hidden.findings[0].title == f"crashed: {line}"
    assert hidden.findings[0].explanation == line


def test_a_value_that_reads_like_a_token_hides_no_other_one() -> None:
    names = Pseudonyms(Device())
    assert names.scrub("/Users/jane/a") == "/Users/user-1/a"
    assert names.scrub("login=user-1.smith@x.org") == "login=name-1"
    assert names.scrub("https://10.0.0.1/a") == "https://ip-1/path-1"
    assert names.scrub("https://10.0.0.2/path-1") == "https://ip-2/path-1"
