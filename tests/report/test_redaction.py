"""Redaction: what goes, what stays, and that equal values get equal tokens."""

import base64
import gzip
import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from traceview.analysis import Analysis
from traceview.report.html import write
from traceview.report.known_names import people_in
from traceview.report.pseudonyms import Pseudonyms
from traceview.report.redact import Level, redact
from traceview.rules.registry import NotEvaluated
from traceview_parsers.trace import Device

NOBODY = Device()
OWNED = Device(name="Jane's iPhone", serial="F2LXK1ABCDEF", udid="00008110-000A1B2C3D4E5F60")


def _everything(analysis: Analysis) -> str:
    """Return all text of an analysis."""
    frames = [analysis.lines, analysis.events, *analysis.episodes.values(), *analysis.tables.values()]
    tables = [frame.select(pl.selectors.by_dtype(pl.String, pl.Categorical)).write_csv() for frame in frames]
    parts = (analysis.capture, analysis.device, analysis.coverage, analysis.problems, analysis.apps, analysis.findings)
    return "\n".join([*tables, *(repr(part) for part in parts)])


def _unpacked(page: str) -> str:
    """Return a report with its figure in clear text and without the plotting library."""
    figure = re.search(r'<script type="application/gzip;base64" id="data-timeline">([^<]*)</script>', page)
    assert figure
    text = gzip.decompress(base64.b64decode(figure[1])).decode()
    return re.sub(r'<script type="application/gzip;base64".*?</script>', "", page, flags=re.DOTALL) + text


@pytest.mark.parametrize("level", ["ids", "all"])
def test_no_private_value_survives(rich: Analysis, secrets: tuple[str, ...], tmp_path: Path, level: Level) -> None:
    before = _everything(rich)
    assert all(secret in before for secret in secrets)
    after = _everything(redact(rich, level))
    assert [secret for secret in secrets if secret.casefold() in after.casefold()] == []
    out = tmp_path / "report.html"
    write(rich, out, redact=level)
    page = _unpacked(out.read_text()).casefold()
    assert [secret for secret in secrets if secret.casefold() in page] == []
    assert "jane" not in page


def test_the_given_analysis_stays_as_it_is(rich: Analysis) -> None:
    before = _everything(rich)
    redact(rich, "all")
    assert _everything(rich) == before


def test_what_engineers_need_stays(rich: Analysis) -> None:
    analysis = redact(rich, "ids")
    text = _everything(analysis)
    for kept in ("com.acme.voip", "0x6f6a3", "0xbaadca11", "Acme(512)", "iPhone14,2", "HALC_ProxyIOContext", "!pri"):
        assert kept in text
    assert [one.fingerprint for one in analysis.findings] == [one.fingerprint for one in rich.findings]
    assert analysis.redaction == "ids"


def test_equal_values_get_equal_tokens_everywhere(rich: Analysis) -> None:
    analysis = redact(rich, "ids")
    token = analysis.episodes["calls"]["call_id"][0]
    assert token.startswith("uuid-")
    (message,) = [text for text in analysis.lines["message"] if text.startswith("Reported call")]
    assert f"Reported call {token} from phone-1" in message


def test_level_all_leaves_signals_and_fields_only(rich: Analysis) -> None:
    analysis = redact(rich, "all")
    known = analysis.lines.filter(pl.col("signal").is_not_null())
    assert all(message.startswith(signal) for signal, message in known.select("signal", "message").iter_rows())
    assert known["message"].str.contains("bundle=com.acme.voip").all()
    unknown = analysis.lines.filter(pl.col("signal").is_null())
    assert unknown["message"].unique().to_list() == ["(text removed)"]
    assert all(problem.sample == "" for problem in analysis.problems)


def test_names_of_headsets_go_and_port_types_stay(rich: Analysis) -> None:
    routes = rich.episodes["route_changes"].with_columns(
        route=pl.Series(["Speaker", "Zoë's AirPods", "Receiver"]), previous_route=pl.lit("Zoë's AirPods")
    )
    finding = replace(rich.findings[0], title="Route went to Zoë's AirPods")
    analysis = replace(rich, episodes={**rich.episodes, "route_changes": routes}, findings=[finding])
    redacted = redact(analysis, "all")
    assert redacted.episodes["route_changes"]["route"].to_list() == ["Speaker", "thing-1", "Receiver"]
    assert redacted.findings[0].title == "Route went to thing-1"


def test_the_words_of_a_rule_are_no_text_of_the_log(rich: Analysis) -> None:
    """A field of an event may read like a rule's own words; findings are made from episodes, so only those count."""
    events = rich.events.with_columns(assertion_name=pl.lit("VoIP push"))
    finding = replace(rich.findings[0], title="Killed after a VoIP push")
    redacted = redact(replace(rich, events=events, findings=[finding]), "all")
    assert redacted.findings[0].title == "Killed after a VoIP push"
    assert "VoIP push" not in redacted.events["assertion_name"].to_list()


def test_quoted_messages_leave_the_findings(rich: Analysis) -> None:
    quote = rich.lines.filter(pl.col("ref") == 10)["message"][0]
    finding = replace(rich.findings[0], explanation=f"iOS printed: {quote}")
    redacted = redact(replace(rich, findings=[finding]), "all")
    assert redacted.findings[0].explanation == "iOS printed: (text removed)"


def test_what_an_app_worded_goes_wherever_it_is_quoted(rich: Analysis) -> None:
    said = "Upload of Jane"
    tasks = rich.episodes["background_tasks"].with_columns(name=pl.lit(said))
    kept = pl.DataFrame({"held_by_name": [said], "kept_awake_by": [f"background task {said}"]})
    runs = pl.DataFrame({"holders": [f'call, background task "{said}"', "call"]})
    finding = replace(rich.findings[0], title=f"{said} was held")
    tables = {**rich.episodes, "background_tasks": tasks, "suspensions": kept, "background_runs": runs}
    network = pl.DataFrame({"error": [f"Host of {said} is away", "-1009"], "launch_reason": [None, said]})
    analysis = redact(replace(rich, episodes={**tables, "network": network}, findings=[finding]), "all")
    told = analysis.episodes
    (token,) = set(told["background_tasks"]["name"])
    assert told["suspensions"].rows() == [(token, f"background task {token}")]
    assert told["background_runs"]["holders"].to_list() == [f'call, background task "{token}"', "call"]
    assert analysis.findings[0].title == f"{token} was held"
    assert "Jane" not in str(told["network"].rows())
    assert told["network"]["error"][1] == "-1009"


def test_users_of_a_computer_go_and_those_of_the_system_stay(rich: Analysis) -> None:
    users = pl.DataFrame({"process": ["Acme", "Acme", "locationd"], "user": ["mobile", "jane", "_locationd"]})
    redacted = redact(replace(rich, tables={"processes_at_capture": users}), "ids")
    assert redacted.tables["processes_at_capture"]["user"].to_list() == ["mobile", "user-2", "_locationd"]


def test_a_caller_who_is_named_once_as_such_is_known_everywhere(rich: Analysis) -> None:
    said = ['localizedCallerName = "Zoë Van Dyk";', "Outgoing call to Zoë Van Dyk <video>", "Zoë Van Dyke"]
    lines = rich.lines.head(3).with_columns(message=pl.Series(said))
    finding = replace(rich.findings[0], title="A call with zoë van dyk failed")
    redacted = redact(replace(rich, lines=lines, findings=[finding]), "ids")
    token = redacted.lines["message"][1].removeprefix("Outgoing call to ").removesuffix(" <video>")
    assert token.startswith("name-")
    assert redacted.lines["message"].to_list() == [
        f"localizedCallerName = {token};",
        said[1].replace("Zoë Van Dyk", token),
        said[2],
    ]
    assert redacted.findings[0].title == f"A call with {token} failed"


def test_names_of_callers_are_whole_names() -> None:
    texts = [
        "displayName: \"Jane Doe\" contactName='J. R. Hartley'",
        'callerName = "voicemail"',
        'displayName="<b> x"',
        "x",
    ]
    assert people_in(pl.Series(texts)) == ["Jane Doe", "J. R. Hartley"]
    many = pl.Series([f'callerName="Person{number} Doe"' for number in range(300)])
    assert people_in(many) == [f"Person{number} Doe" for number in range(200)]


def test_a_name_that_is_part_of_another_one_leaves_nothing_of_it() -> None:
    names = Pseudonyms(NOBODY, ["Jane Doe", "Jane Doe Smith"])
    assert names.scrub("Jane Doe Smith left, jane doe stays") == "name-1 left, name-2 stays"


def test_the_folder_of_the_configuration_is_nobodys_business(rich: Analysis) -> None:
    silent = [
        NotEvaluated("r", None, "t", needs) for needs in ("disabled in /srv/Jane Doe/traceview.toml", "a/b lines")
    ]
    redacted = redact(replace(rich, not_evaluated=silent), "ids")
    assert [one.needs for one in redacted.not_evaluated] == ["disabled in traceview.toml", "a/b lines"]


def test_levels_only_grow(rich: Analysis) -> None:
    everything = redact(rich, "all")
    assert redact(everything, "ids") is everything
    assert redact(rich, "none") is rich
    with pytest.raises(ValueError, match="unknown redaction level"):
        redact(rich, "some")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("call from +49 151 23456789 now", "call from phone-1 now"),
        ("tel:+4915123456789", "phone-1"),
        ("(555) 123-4567 and 555-123-4567", "phone-1 and phone-1"),
        ("dial 0151 23456789", "dial phone-1"),
        ("<CXHandle 0x28 type=1, value=5551234567>", "<CXHandle 0x28 type=1, value=phone-1>"),
        ('localizedCallerName = "Jane Doe";', "localizedCallerName = name-1;"),
        ("sips:bob@example.org;transport=tls", "sip-1;transport=tls"),
        ("bob.o'neil@example.org", "bob.o'email-1"),
        ("peer fe80::1c2d:3e4f and 10.0.0.7:443", "peer ip-1 and ip-2:443"),
        ("::ffff:192.168.1.4", "ip-1"),
        ("a4:83:e7:01:02:03 joined", "mac-1 joined"),
        ("/Users/jane/Library, /Users/Shared/x", "/Users/user-1/Library, /Users/Shared/x"),
        (r"C:\Users\jane\x", r"C:\Users\user-1\x"),
        ("<a1b2c3d4 e5f60718 293a4b5c 6d7e8f90>", "hex-1"),
        ("{length = 32, bytes = 0x9f86d081884c7d659a2feaa0c55ad015}", "{length = 32, bytes = hex-1}"),
        ("A1B2C3D4-1111-2222-3333-444455556666 a1b2c3d4-1111-2222-3333-444455556666", "uuid-1 uuid-1"),
        ("imei: 356938035643809", "imei: number-1"),
        ("SSID: 'Doe Family', rssi -40", "SSID: name-1, rssi -40"),
        ("callerName = Jane van Doe, ssid: The Doe Family", "callerName = name-1, ssid: name-2"),
        ("remoteName: Jane Doe-Smith answered", "remoteName: name-1 answered"),
        ("appleID=jane; deviceName: Jane", "appleID=name-1; deviceName: name-1"),
        ("<CXHandle 0x28 type=generic, value=jane.doe>", "<CXHandle 0x28 type=generic, value=handle-1>"),
        ("to Jane Doe's AirPods Pro, Janes-iPhone", "to device-1 Pro, device-2"),
        ("iPhone von Zoë, Zoë\u2019s Apple Watch", "device-1, device-2"),
        ("https://u:p@10.0.0.7:80/users/jane?token=a", "https://user-1@ip-1:80/path-1"),
        (
            "https://pbx_1.example.org/jane?x https://example.org?user=4711",
            "https://pbx_1.example.org/path-1 https://example.org?path-2",
        ),
        ("open acmevoip://call/jane.doe#now", "open acmevoip://call/path-1"),
        ("https://bücher.example/jane", "https://bücher.example/path-1"),
        ("Authorization: Bearer s3cr3t-x", "Authorization: name-1"),
        ("(0151) 23456789, (030) 1234 56", "phone-1, phone-2"),
        ("wss://jane@pbx.example.org ended", "wss://user-1@pbx.example.org ended"),
        ("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9abcdefgh", "token-1"),
    ],
)
def test_private_shapes(text: str, scrubbed: str) -> None:
    assert Pseudonyms(NOBODY).scrub(text) == scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-04 14:05:00.123456+0200 runningboardd[31]",
        "14:55:03 at 12:00",
        "error 561017449, -12983, 560030580",
        "sid:0x6f6a3 at 0x1048fa2b0 in 0x00000001a2b3c4d5",
        "assertion 31-60-286 took 30.000123 s",
        "127.0.0.1 and ::1",
        "version 17.5.1 build 21F90",
        "std::vector<int>::push_back Foo::bar",
        "_terminateAppIfThereAreUnhandledVoIPPushes",
        "com.apple.runningboard.assertions.webkit.long.name.of.something",
        "application<com.acme.voip>:716",
        "mach 128334718293 ns 10000000000",
        "see https://developer.apple.com/documentation/xcode/sigkill",
        "file:///private/var/mobile/x.m4a and https://pbx.example.org/",
        "user = <private>, device name: (null), token: <mask.hash: 'J8OEEgaG'>, hostname: pbx.example.org",
    ],
)
def test_what_is_not_private_stays(text: str) -> None:
    assert Pseudonyms(NOBODY).scrub(text) == text


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("host Janes-iPhone.local", "host device-1.local"),
        ("Jane\u2019s iPhone", "device-1"),
        ("hello jane", "hello owner-1"),
        ("serial f2lxk1abcdef", "serial serial-1"),
        ("janet and iphone", "janet and iphone"),
    ],
)
def test_the_device_and_its_owner(text: str, scrubbed: str) -> None:
    assert Pseudonyms(OWNED).scrub(text) == scrubbed


def test_a_generic_device_name_names_nobody() -> None:
    assert Pseudonyms(Device(name="iPhone")).scrub("iPhone-OS_iPhone_21F90") == "iPhone-OS_iPhone_21F90"


FRAGMENTS = (
    "+49 151 23456789", "tel:", "sip:bob@x.org", "bob@x.org", "A1B2C3D4-1111-2222-3333-444455556666", "fe80::1c2d:3e4f",
    "10.0.0.7", "a4:83:e7:01:02:03", "9f86d081884c7d659a2feaa0c55ad015", "displayName = ", '"Jane"', "handle: 5551234567",
    "/Users/jane", "acme://call/jane?", "bearer ", "authorization:", "(0151) 2345678", "555-123-4567", "0151 23456789", "<a1b2c3d4 e5f60718 293a4b5c>", "Jane's iPhone", "F2LXK1ABCDEF", " ", "-",
    ":", ".", "x", "7", "é", "\n", "0x", "\u0663", "\u2019", "sipToken=", "_secret: ", "Bearer a1b2c3", "e\u0301", "Jane", ".80 > ",
)  # fmt: skip
glued = st.lists(st.sampled_from(FRAGMENTS), max_size=8).map("".join)


@given(glued | st.text())
def test_the_quick_test_misses_nothing(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    names = Pseudonyms(OWNED)
    if names.scrub(text) != text:
        assert names.suspects(pl.Series([text])).len() == 1


@given(glued)
def test_tokens_are_no_private_values(text: str) -> None:
    names = Pseudonyms(OWNED)
    tokens = {f"{kind}-1" for kind in ("uuid", "phone", "email", "ip", "mac", "hex", "name", "sip", "user")}
    assert all(names.scrub(token) == token for token in tokens)
    before, after = f"{text} bob@x.org", names.scrub(f"{text} bob@x.org")
    assert "bob@x.org" not in after, before


@pytest.mark.parametrize(
    "unit", ["a", "a-", "f", "1", "f:", "a@", 'displayName="', "1.", "<deadbeef ", "+1 ", "Jane's ", "https://", "h@"]
)
def test_long_lines_take_linear_time(unit: str) -> None:
    """A quadratic pattern would need hours for 300,000 characters; the time limit of the suite is the assertion."""
    assert Pseudonyms(OWNED).scrub(unit * (300_000 // len(unit)))
