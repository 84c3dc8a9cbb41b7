"""Decoders of typed values."""

import gzip
import json
import re
import struct
from itertools import zip_longest
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceview_parsers.json_text import json_string
from traceview_parsers.unified_log.decoders import NAMES, decode
from traceview_parsers.unified_log.formats import Placeholder, parse_format


def number(value: int, size: int = 4) -> bytes:
    return (value & (1 << 8 * size) - 1).to_bytes(size, "little")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("bool", number(1), "true"),
        ("bool", number(0, 1), "false"),
        ("BOOL", 7, "YES"),
        ("BOOL", 0, "NO"),
        ("uuid_t", bytes.fromhex("85957e1d36c44ed286a80657bcdde293"), "85957E1D-36C4-4ED2-86A8-0657BCDDE293"),
        ("uuid_t", b"\0" * 15, None),
        ("mask.hash", bytes.fromhex("1d1fd3fbe9a6466ab7327fb69a6102b2"), "<mask.hash: 'HR/T++mmRmq3Mn+2mmECsg=='>"),
        ("mask.hash", b"", "<mask.hash: (null)>"),
        ("bytes", 4720, "4.72 kB"),
        ("iec-bytes", 4720, "4.61 KiB"),
        ("bitrate", 123456, "123 kbps"),
        ("iec-bitrate", 120832, "118 Kibps"),
        ("bytes", 999, "999 B"),
        ("bytes", 12_340_000, "12.3 MB"),
        ("bytes", 1_500_000, "1.5 MB"),
        ("bytes", 999_999, "1000 kB"),
        ("iec-bytes", number(2**64 - 1, 8), "16 EiB"),
        ("errno", number(2), "[2: No such file or directory]"),
        ("darwin.errno", number(32), "[32: Broken pipe]"),
        ("darwin.errno", number(0), "[0: Success]"),
        ("darwin.errno", number(159), "[159: Unknown error: 159]"),
        ("darwin.errno", number(-1), "[-1: Unknown error: -1]"),
        ("darwin.mode", number(0o040755), "drwxr-xr-x"),
        ("darwin.mode", number(0o104755), "-rwsr-xr-x"),
        ("darwin.mode", number(0o041777), "drwxrwxrwt"),
        ("darwin.mode", number(0o140644, 2), "srw-r--r--"),
        ("darwin.signal", number(11), "[sigsegv: Segmentation fault]"),
        ("darwin.signal", number(77), "[77: Unknown signal]"),
        ("mach.errno", number(0x10000003), "[0x10000003: (ipc/send) invalid destination port]"),
        ("mach.errno", number(5), "[0x5: (os/kern) failure]"),
        ("mach.errno", number(49), "[0x31: (os/kern) operation timed out]"),
        ("mach.errno", number(0), "[0: (os/kern) successful]"),
        ("time_t", number(1452627697, 8), "2016-01-12 19:41:37+0000"),
        ("time_t", 2**62, None),
        ("timeval", struct.pack("<qii", 1452627697, 774236, 0), "2016-01-12 19:41:37.774236+0000"),
        ("timespec", struct.pack("<qq", 1452627697, 2382382), "2016-01-12 19:41:37.002382382+0000"),
        ("timespec", struct.pack("<qq", 1, 10**9), None),
        ("network:in_addr", bytes([224, 0, 0, 251]), "224.0.0.251"),
        ("in_addr", number(0x0100007F), "127.0.0.1"),
        ("network:in_addr", 0x0100007F, "127.0.0.1"),
        ("network:in6_addr", bytes.fromhex("ff0200000000000000000000000000fb"), "ff02::fb"),
        ("network:in6_addr", b"abc", "<fail decode - size> 3 != 16"),
        ("network:sockaddr", bytes.fromhex("10020000b81c89670000000000000000"), "184.28.137.103"),
        ("network:sockaddr", bytes.fromhex("100201bbb81c89670000000000000000"), "184.28.137.103:443"),
        (
            "network:sockaddr",
            bytes.fromhex("1c1e01bb00000000fe80000000000000000f86fffee95c1604000000"),
            "fe80::f:86ff:fee9:5c16%4.443",
        ),
        ("network:sockaddr", b"", "<NULL>"),
        ("network:sockaddr", b"\x10\x02", "<fail decode - size> 2 < 16"),
        ("network:sockaddr", bytes([16, 18] + [0] * 14), "<fail decode - address family> 18"),
        ("network:tcp_flags", number(0x02 | 0x40 | 0x80), "[SEC]"),
        ("network:tcp_flags", number(0x02 | 0x10 | 0x40), "[S.E]"),
        ("network:tcp_flags", number(0x01 | 0x08 | 0x10), "[FP.]"),
        ("network:tcp_state", number(2), "SYN_SENT"),
        ("network:tcp_state", number(8), "LAST_ACK"),
        ("network:tcp_state", number(11), None),
        ("mdns:dns.idflags", number(0xA5010100, 8), "id: 0xA501 (42241), flags: 0x0100 (Q/Query, RD, NoError)"),
        ("mdns:dns.idflags", number(0xA5018180, 8), "id: 0xA501 (42241), flags: 0x8180 (R/Query, RD, RA, NoError)"),
        ("mdns:dns.counts", number(0x0001000900000000, 8), "1/9/0/0"),
        (
            "mdns:dnshdr",
            bytes.fromhex("000081800001000000000000"),
            "id: 0x0000 (0), flags: 0x8180 (R/Query, RD, RA, NoError), counts: 1/0/0/0",
        ),
        ("mdns:dnshdr", b"short", None),
        ("mdns:gaiopts", number(8), "0x8 {use-failover}"),
        ("mdns:gaiopts", number(12), "0xC {in-app-browser, use-failover}"),
        ("mdns:gaiopts", number(0), "0x0 {}"),
        ("mdns:rrtype", number(28), "AAAA"),
        ("mdns:rrtype", number(65), "HTTPS"),
        ("mdns:rrtype", number(4711), "TYPE4711"),
        ("mdns:nreason", number(1), "no-data"),
        ("mdns:nreason", number(3), "query-suppressed"),
        ("mdns:nreason", number(99), None),
        ("mdns:protocol", number(1), "UDP"),
        ("mdns:protocol", number(4), "HTTPS"),
        ("mdns:addrmv", number(1), "add"),
        ("mdns:addrmv", number(0), "rmv"),
        ("mdns:yesno", number(0), "no"),
        ("mdns:acceptable", number(1), "acceptable"),
        (
            "mdns:rd.svcb",
            bytes.fromhex(
                "0001000001000302683200040008681094406810954000060010260647000000000000000000681094 40".replace(" ", "")
            ),
            '1 . alpn="h2" ipv4hint="104.16.148.64,104.16.149.64" ipv6hint="2606:4700::6810:9440"',
        ),
        ("mdns:rd.svcb", bytes.fromhex("000100000100ff"), None),
        ("mdnsresponder:domain_name", b"\x07example\x03com\x00", "example.com."),
        ("mdnsresponder:domain_name", b"\x03a.b\x00", "a\\.b."),
        ("mdnsresponder:domain_name", b"\x00", "."),
        ("mdnsresponder:domain_name", b"", "<NULL DOMAIN NAME>"),
        ("mdnsresponder:domain_name", b"\x3fcut", None),
        ("mdnsresponder:domain_label", b"\x03abcrest", "abc"),
        ("mdnsresponder:ip_addr", bytes.fromhex("04000000c0a8659000000000000000000000000000"[:40]), "192.168.101.144"),
        ("mdnsresponder:mac_addr", bytes.fromhex("001a2b3c4d5e"), "00:1A:2B:3C:4D:5E"),
        ("odtypes:ODError", number(5000), "ODErrorCredentialsInvalid"),
        ("odtypes:ODError", number(2), "Not Found"),
        ("odtypes:ODError", number(4711), None),
        ("odtypes:mbridtype", number(4), "Username"),
        ("odtypes:mbr_details", bytes.fromhex("23feffffff") + b"/Local/Default\0", "user: -2@/Local/Default"),
        ("odtypes:mbr_details", b"\x44wheel\0/Local/Default\0", "group: wheel@/Local/Default"),
        ("odtypes:mbr_details", b"\x44wheel\0", "group: wheel <not found>"),
        ("odtypes:mbr_details", b"\x23\0", "<decode failure: short data>"),
        (
            "odtypes:nt_sid_t",
            bytes.fromhex("010500000000000515000000c5bb1d020dd8a751539a2e741c060000"),
            "S-1-5-21-35503045-1369954317-1949211219-1564",
        ),
        ("odtypes:nt_sid_t", bytes.fromhex("01ff000000000005"), "<decode failure: short data>"),
        ("location:escape_only", b'a/b"\n\0junk', '"a\\/b\\"\\n"'),
        ("location:escape_only", "Zürich".encode(), '"Zürich"'),
        ("location:CLClientAuthorizationStatus", number(3), '"AuthorizedAlways"'),
        (
            "location:CLClientAuthorizationStatus",
            number(9),
            '{"type":"decode failure","expected type":"CLClientAuthorizationStatus","raw value":9}',
        ),
        ("location:CLDaemonStatus_Type::Reachability", number(1000), '"kReachabilityUnachievable"'),
        ("location:IOMessage", number(0xE0000280), '"SystemWillSleep"'),
        ("location:SqliteResult", number(0), '"SQLITE_OK"'),
        ("location:SqliteResult", number(266), '"SQLITE_IOERR_READ"'),
        (
            "location:_CLClientManagerStateTrackerState",
            bytes(8),
            '{"locationRestricted":false,"locationServicesEnabledStatus":0}',
        ),
        (
            "location:_CLDaemonStatusStateTrackerState",
            bytes.fromhex("000000000000f0bf0000000000000000000000000000000002000000ffffffff0000000000000000"),
            (
                '{"thermalLevel":-1,"reachability":"kReachabilityLarge","airplaneMode":false,"batteryData":'
                '{"wasConnected":false,"charged":false,"level":-1,"connected":false,"chargerType":"kChargerTypeUnknown"},'
                '"restrictedMode":false,"batterySaverModeEnabled":false}'
            ),
        ),
        ("signpost.description:begin_time", number(5), None),
        ("bluetooth:OI_STATUS", number(5), None),
        ("", b"x", None),
    ],
)
def test_values(name: str, value: bytes | int, expected: str | None) -> None:
    assert decode(name, value) == expected


def test_location_manager_state() -> None:
    raw = bytes.fromhex(
        "000000000000f0bf0000000000005940000000000000000000000000 0000f03f0100000000000000000000000000000000000000"
        "00000000 0100000000000001 0000000000000000".replace(" ", "")
    )
    text = decode("location:_CLLocationManagerStateTrackerState", raw)
    assert text is not None
    state = json.loads(text)
    assert len(state) == 28
    assert (state["distanceFilter"], state["desiredAccuracy"], state["headingFilter"]) == (-1, 100, 1)
    assert state["pausesLocationUpdatesAutomatically"] == 1
    assert [name for name, value in state.items() if value is True] == ["allowsLocationPrompts", "allowsMapCorrection"]
    shorter = decode("location:_CLLocationManagerStateTrackerState", raw[:64])
    assert shorter is not None
    assert len(json.loads(shorter)) == 20
    assert decode("location:_CLLocationManagerStateTrackerState", raw + bytes(8)) is None


@given(st.sampled_from(sorted(NAMES)), st.one_of(st.binary(max_size=80), st.integers(-(2**70), 2**70)))
def test_no_value_raises(name: str, value: bytes | int) -> None:
    text = decode(name, value)
    assert text is None or text.encode()


@given(st.text())
def test_json_strings_parse_back(text: str) -> None:
    assert json.loads(json_string(text)) == text


_SHAPES = {
    "uuid_t": r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}|<private>|[0-9A-F]*",
    "bool": "true|false",
    "BOOL": "YES|NO",
    "mdns:addrmv": "add|rmv",
    "mdns:yesno": "yes|no",
    "mdns:acceptable": "acceptable|unacceptable",
}
_FROM_TABLES = {
    "mdns:rrtype": range(66000),
    "mdns:nreason": range(10),
    "mdns:protocol": range(10),
    "odtypes:ODError": range(11000),
}


@pytest.mark.real
def test_decoders_produce_what_real_messages_show(real: Path) -> None:
    """Each value that a reference message shows in a decoder's place is one that the decoder can print."""
    known = {name: {decode(name, value) for value in values} for name, values in _FROM_TABLES.items()}
    checked = dict.fromkeys([*known, *_SHAPES], 0)
    with gzip.open(real / "logarchive" / "macos12.reference.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            parts = parse_format(row["format"] or "")
            if not any(isinstance(part, Placeholder) and part.decoder in checked for part in parts):
                continue
            pattern = "".join(
                re.escape(part) if isinstance(part, str) else "(.*?)" for part, _ in zip_longest(parts, ())
            )
            match = re.fullmatch(pattern, row["message"], re.DOTALL)
            assert match, row
            found = [part for part in parts if isinstance(part, Placeholder)]
            for place, text in zip(found, match.groups(), strict=True):
                if place.decoder in known:
                    assert text in known[place.decoder]
                elif place.decoder in _SHAPES:
                    assert re.fullmatch(_SHAPES[place.decoder], text)
                else:
                    continue
                checked[place.decoder] += 1
    assert all(checked.values()), checked
