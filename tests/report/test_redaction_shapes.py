"""Shapes as iOS, networks and people write them: push tokens, numbers with no-break blanks, addresses, owners of devices."""

import polars as pl
import pytest

from traceview.report.pseudonyms import Pseudonyms
from traceview_parsers.trace import Device

PRINTED = "{length = 32, bytes = 0x740f4707 bebcf74f 9b7c25d4 8e335894 ... 462c7eaf 61bb78ad }"


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        (f"deviceToken = {PRINTED}", "deviceToken = {length = 32, bytes = hex-1}"),
        (f"push token: {PRINTED} end", "push token: name-1 end"),
        ("SSIDDATA = {length = 9, bytes = 0x446f6546616d696c79}", "SSIDDATA = name-1"),
        ("\u202a+1 (555) 010\u20114567\u202c", "\u202aphone-1\u202c"),
        ("+49\u00a0151\u00a023456789, +49\u202f151\u202f23456789, +49 151\u221223456789", "phone-1, phone-1, phone-1"),
        ("0049 151 23456789 +49/151/23456789 +49 (0) 151 23456789", "phone-1 phone-1 phone-1"),
        ("call 1-800-555-1234 x", "call phone-1 x"),
        ("tel%3A%2B4915123456789 +4915123456789", "phone-1 phone-1"),
        ("sip%3Ajane.doe%40example.com jane.doe%40example.com", "sip-1 email-1"),
        ("+49 151 23456789 12:30:11", "phone-1 12:30:11"),
        ("+4915155501003-2026-01-15-090511.ips +4915155501003", "phone-1-2026-01-15-090511.ips phone-1"),
        ("+49 151 23456789 2026-01-15", "phone-1 2026-01-15"),
        ("A4-83-E7-01-02-03 a483.e701.0203 a4:83:e7:01:02:03", "mac-1 mac-1 mac-1"),
        ("x10.0.0.1 udp_192.168.0.1", "xip-1 udp_ip-2"),
        ("ec2-203-0-113-25.compute", "host-1.compute"),
        ("jane@b\u00fccher.de", "email-1"),
        ("annas-mac.local. annas-mac.local:80", "host-1. host-1:80"),
        ("j\u00fcrgens-mac.local", "host-1"),
        ("Annas iPhone, annas-iphone", "device-1, device-2"),
        ("iPhone d\u2019Anna, iPhone (Anna)", "device-1, device-2"),
        ("\u5f20\u4f1f\u7684iPhone", "device-1"),
        ("iPhone von Jane Doe ended", "device-1 ended"),
        ("kCTIMEI = 356938035643809, IMEI 35 693803 564380 9", "kCTIMEI = number-1, IMEI number-1"),
        ('"SSID_STR":"DoeFamily"', '"SSID_STR":name-1'),
        ("/Users/Jane Doe/x", "/Users/user-1/x"),
        (r"C:\\Users\\jane\\x", r"C:\\Users\\user-1\\x"),
    ],
)
def test_shapes_go_whole_and_equal_values_get_equal_tokens(text: str, scrubbed: str) -> None:
    names = Pseudonyms(Device())
    assert names.scrub(text) == scrubbed
    assert names.suspects(pl.Series([text])).len() == 1


@pytest.mark.parametrize(
    "text",
    [
        "0x10ad3c000 +0x1c 0x0010 4500 0034",
        "v10.0.0.1 1.2.3.4.5 CFNetwork-17.5.1",
        "12-30-11-20-11-23 2026-01-15-090511",
        "1234.5678.9012 a1b2.c3d4",
        "this iPhone, Supports iPhone, Apps iPad, ios-iphone, devices-iphone",
        "iPhone (Simulator) iPhone (null) iPad (Wi-Fi) iPhone (2nd generation)",
        "length = 32, bytes = 4096",
        "offset +0200 +0.125 +1 +12",
        "SSID_STR changed, imei unknown",
        "/Users/Shared/x and C:\\Windows\\x",
        "host-1 ip-2 phone-3",
        "com.acme.voip.local com.acme.local.voip de.acme.local com.apple.timezoneupdates.local-asset-check",
    ],
)
def test_what_only_looks_alike_stays(text: str) -> None:
    assert Pseudonyms(Device()).scrub(text) == text


@pytest.mark.parametrize(
    "unit", ["+1", "+1 2", "00", "0049 12 ", "a-", "As ", "bytes = 0x00 ", "aa-", "a@a", "%40", "C:\\\\Users"]
)
def test_long_lines_of_shapes_take_linear_time(unit: str) -> None:
    """A quadratic pattern would need hours; the time limit of the suite is the assertion."""
    assert Pseudonyms(Device()).scrub(unit * (100_000 // len(unit)))
