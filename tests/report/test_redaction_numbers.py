"""Plain figures and quoted words that only the words beside them make private; technical figures stay readable."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceview.report.pseudonyms import Pseudonyms
from traceview_parsers.trace import Device

FRAGMENTS = (
    "remoteHandle=", "CXHandle ", "session handle: ", "value=", '"value":"', "number ", "sequence ", "remoteNumber: ", "dial ",
    "callee", "caller ", "to ", "from ", "sip ", "sip user ", "4915112345678", "4155550132", "1768469400000", "0151234567",
    "415 555 0132", "+", "lat=", "latitude", "lon ", '" : ', "52.5200", "13.40", "<+52.52,+13.40>", "<", ",", ">", "ms", "ssid ",
    '"Mueller 5G"', "username ", "hans.mueller", "a1", "cookie ", "Set-Cookie: ", "session=abc", "; ", "\n", " ", "@x.org", "_",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("remoteHandle=4915112345678", "remoteHandle=phone-1"),
        ("remote_handle: '14155550132'", "remote_handle: 'phone-1'"),
        ("<CXHandle: 0x28 type=generic value=4155550132>", "<CXHandle: 0x28 type=generic value=phone-1>"),
        ("CXHandle(type: 2, value: 4155550132)", "CXHandle(type: 2, value: phone-1)"),
        ("handle = { type = 2; value = 14155550132; }", "handle = { type = 2; value = phone-1; }"),
        (
            "TUHandle type=2, normalizedValue=14155550132, value=14155550132",
            "TUHandle type=2, normalizedValue=phone-1, value=phone-1",
        ),
        ("number 4915112345678, +4915112345678", "number phone-1, phone-1"),
        ('reached {"number":"4155550132"}', 'reached {"number":"phone-1"}'),
        ("remoteNumber=4155550132 called_number: 4155550133", "remoteNumber=phone-1 called_number: phone-2"),
        ("dial 4915112345678", "dial phone-1"),
        ("Dialing number 4155550132.", "Dialing number phone-1."),
        ("dialled 415 555 0132", "dialled phone-1"),
        ("callee 14155550132, caller 14155550133", "callee phone-1, caller phone-2"),
        ("caller is 1 415 555 0132", "caller is phone-1"),
        ("sip user 14155550132", "sip user phone-1"),
        ("msisdn 491511234567", "msisdn phone-1"),
        ("sip INVITE from 4155550132 to 4915112345678", "sip INVITE from phone-1 to phone-2"),
        ("to 4155550132 over tel", "to phone-1 over tel"),
        ("Outgoing call to 4155550132", "Outgoing call to phone-1"),
        ("dial 4155550132@pbx.example.org", "dial email-1"),
        ("lat=52.5200 lon=13.4050", "lat=coordinate-1 lon=coordinate-2"),
        ("latitude: 52.52, longitude: -13.40", "latitude: coordinate-1, longitude: coordinate-2"),
        ('{"latitude" : 52.52, "longitude" : 13.40}', '{"latitude" : coordinate-1, "longitude" : coordinate-2}'),
        ('userLatitude = "52.5200";', 'userLatitude = "coordinate-1";'),
        ("at lat 52.5200, long 13.4050", "at lat coordinate-1, long coordinate-2"),
        ("lon=13.4050 s=1, dial 4155550132 s=1", "lon=coordinate-1 s=1, dial phone-1 s=1"),
        ("<+52.52,+13.40> +/- 65.00m", "<coordinate-1,coordinate-2> +/- 65.00m"),
        ("<+52.52000000,-13.40000000> latitude=52.52", "<coordinate-1,coordinate-2> latitude=coordinate-1"),
        ('joined ssid "FRITZ!Box 7590 Mueller" now', "joined ssid name-1 now"),
        ("SSID 'Mueller' and ssid = \"Mueller\"", "SSID name-1 and ssid = name-1"),
        ("device name \u201cHans\u201d", "device name name-1"),
        ("username hans.mueller. Registered", "username name-1. Registered"),
        ("user name hans_m, userName mueller7", "user name name-1, userName name-2"),
        ('username "hans"', "username name-1"),
        ("cookie session=4f2a9c", "cookie cookie-1"),
        ("Cookie: session=4f2a; theme=dark", "Cookie: cookie-1"),
        ("Set-Cookie: sid=4f2a; Path=/; HttpOnly", "Set-Cookie: cookie-1; HttpOnly"),
        ('{"Cookie":"sid=4f2a"}', '{"Cookie":"cookie-1"}'),
    ],
)
def test_words_make_figures_private(text: str, scrubbed: str) -> None:
    assert Pseudonyms(Device()).scrub(text) == scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "value=1768469400000",
        "value: 4155550132, normalizedValue=4155550132",
        "code=560557684 OSStatus 2003334207 error number 4155550132",
        "pid 4915112345, tid 4183228416, size 4155550132 bytes, 4155550132 ns",
        "from 128334718293 to 128334718999 (mach)",
        "timestamp changed from 4155550132 to 4155550133",
        "sip timer from 1768469400 to 1768469405 and 1768469400000",
        "number 1768469400, number 1768469400000, number 1768469400.25",
        "sequence number 4294967295, sequenceNumber=4294967295, inode number 1152921500312, Number of rows 2147483647",
        "sessionHandle=3341877248, session handle: 3341877248, fileHandle value=3341877248",
        "handle 0x28 closed, value=1768469400000; process handle 118871f4000002db",
        "called 4155550132 times",
        "assertion 31-60-286 sessionID: 4183228416 audio session 0x1f5c3",
        "handler(2028) number 3 dial 112 value=5551234567",
        "lat=12.5ms lat=0.25 s lat pages: 0.000001 seconds latency=52.52 platform=13.4 lat=350.5 lat 12.125 avg",
        "took long: 3.500 and long=3",
        "<+1.5 dB> offset +0.125,+0.250 <-3,-4>",
        'ssid <private> SSID changed, BSSID "x"',
        "userName (null), username is unknown, username com.apple.mobile",
        "magic cookie 0x1234, cookie: 77, cookie size=12 flags=0x3, Cookie: <private>, cookie storage x=1",
    ],
)
def test_technical_figures_stay(text: str) -> None:
    assert Pseudonyms(Device()).scrub(text) == text


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=9).map("".join))
def test_the_quick_test_misses_no_figure(text: str) -> None:
    names = Pseudonyms(Device())
    assert names.scrub(text) == text or names.suspects(pl.Series([text])).len() == 1


@pytest.mark.parametrize(
    "unit", ["handle ", "value=", "number 41555501", "to ", "sip ", "lat ", "<+1.1,", "cookie a=b; ", "cookie ", 'ssid "', "username a.", "dial 41 "]
)  # fmt: skip
def test_long_lines_of_figures_take_linear_time(unit: str) -> None:
    """A quadratic pattern would need hours; the time limit of the suite is the assertion."""
    assert Pseudonyms(Device()).scrub(unit * (300_000 // len(unit)))


def test_many_names_are_looked_for_in_few_texts() -> None:
    """Polars takes no pattern beyond a size."""
    people = [f"Jane Äöüß{number} Mustermann-Doe van der Berg" for number in range(200)]
    assert Pseudonyms(Device(name="Jane's iPhone"), people).suspects(pl.Series([f"to {people[9]}", "x"])).len() == 1
