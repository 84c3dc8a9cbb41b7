"""Text of state dumps."""

import json
import plistlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceview_parsers.unified_log import statedump
from traceview_parsers.unified_log.descriptions import MAX_CHARACTERS, describe_plist
from traceview_parsers.unified_log.protobuf import describe_message

STATE = {
    "Configured Environment": "prod",
    "Auth Token State": {"Has MAT": False, "Count": 3},
    "empty": {},
    "level": 0.5,
    "list": ["a", "b c", ["x"], {"k": "v"}],
    "raw": b"\x01\xff",
    "when": datetime(2022, 4, 11, 10, 49, tzinfo=UTC).replace(tzinfo=None),
    "wörd": 'say "hi"\n',
}
TEXT = """\
{
    "Auth Token State" =     {
        Count = 3;
        "Has MAT" = 0;
    };
    "Configured Environment" = prod;
    empty =     {
    };
    level = "0.5";
    list =     (
        a,
        "b c",
        (
            x
        ),
        {
            k = v;
        }
    );
    raw = {length = 2, bytes = 0x01ff};
    when = "2022-04-11 10:49:00 +0000";
    "w\\U00f6rd" = "say \\"hi\\"\\n";
}"""


@pytest.mark.parametrize("form", [plistlib.FMT_BINARY, plistlib.FMT_XML])
def test_property_lists(form: plistlib.PlistFormat) -> None:
    payload = plistlib.dumps(STATE, fmt=form)
    assert (
        statedump.describe(statedump.PLIST, payload, "RBProcessManager", "left", "over") == f"RBProcessManager\n{TEXT}"
    )


def test_other_roots() -> None:
    assert describe_plist(plistlib.dumps("state", fmt=plistlib.FMT_BINARY)) == "state"
    assert describe_plist(plistlib.dumps([], fmt=plistlib.FMT_BINARY)) == "(\n)"
    assert describe_plist(plistlib.dumps("😀")) == '"\\Ud83d\\Ude00"'


@pytest.mark.parametrize("payload", [b"bplist00", b"<plist><date>x</date></plist>", b"bplist00" + b"\xff" * 40, b"no"])
def test_damaged_property_lists_print_raw(payload: bytes) -> None:
    text = statedump.describe(statedump.PLIST, payload, "title")
    assert text == f"title\n<decode: no property list> {payload.hex()}"


def test_an_empty_state_leaves_its_title() -> None:
    assert statedump.describe(statedump.PLIST, b"", "IDS-Connectivity-Status") == "IDS-Connectivity-Status"


def test_shared_objects_do_not_multiply() -> None:
    value: list[object] = ["bomb"] * 10
    for _ in range(12):
        value = [value] * 10
    payload = plistlib.dumps(value, fmt=plistlib.FMT_BINARY)
    assert len(payload) < 5000
    text = describe_plist(payload)
    assert text is not None
    assert len(text) <= MAX_CHARACTERS + 1
    assert text.endswith("…")


def test_deep_nesting_is_cut() -> None:
    value: list[object] = []
    for _ in range(200):
        value = [value]
    text = describe_plist(plistlib.dumps(value, fmt=plistlib.FMT_BINARY))
    assert text is not None
    assert "…" in text


@given(st.binary(max_size=200))
def test_no_payload_raises(payload: bytes) -> None:
    for kind in range(5):
        for head in (b"", b"bplist00", b"<?xml version='1.0'?><plist><dict>"):
            assert statedump.describe(kind, head + payload, "t", "location", "_CLClientManagerStateTrackerState")


def test_protocol_buffers() -> None:
    payload = bytes.fromhex("0800 12055175657565 1a0308ac02 2503000000 290400000000000000 3202ff00")
    assert statedump.describe(statedump.PROTOBUF, payload, "Queue State") == (
        'Queue State\n1: 0\n2: "Queue"\n3 {\n  1: 300\n}\n4: 0x00000003\n5: 0x0000000000000004\n6: <ff00>'
    )
    assert describe_message(b"") == ""
    assert describe_message(b"\x0b") is None
    assert describe_message(b"\x12\x05ab") is None
    assert describe_message(b"\xff" * 12) is None
    assert describe_message(b"\x00\x00") is None


def test_custom_objects() -> None:
    text = statedump.describe(
        statedump.CUSTOM, bytes(8), "CLClientManagerStateTracker", "location", "_CLClientManagerStateTrackerState"
    )
    assert text == 'CLClientManagerStateTracker\n{"locationRestricted":false,"locationServicesEnabledStatus":0}'
    # Bytes of a real iOS 15 dump: the battery stands at 79 % and charges by USB.
    raw = "0000000000c053400001c76e0200000000cf159b004000e002000000000000000000000000000000"
    text = statedump.describe(statedump.CUSTOM, bytes.fromhex(raw), "t", "location", "_CLDaemonStatusStateTrackerState")
    state = json.loads(text.partition("\n")[2])
    assert state["batteryData"] == {
        "wasConnected": False,
        "charged": False,
        "level": 79,
        "connected": True,
        "chargerType": "kChargerTypeUsb",
    }
    assert state["reachability"] == "kReachabilityLarge"


def test_unknown_objects_show_their_name_and_bytes() -> None:
    text = statedump.describe(statedump.CUSTOM, b"\x01\x02", "Network information", "SystemConfiguration", "nwi")
    assert text == "Network information\n<decode: unsupported decoder: SystemConfiguration:nwi> 0102"
    assert statedump.describe(9, b"\x01", "t") == "t\n<decode: unknown kind of state 9> 01"


def test_names_end_at_their_nul() -> None:
    assert statedump.read_name(b"RBProcessManager\0left over\0".ljust(64, b"\0")) == "RBProcessManager"
    assert statedump.read_name(b"\xff" * 64) == "\ufffd" * 64
