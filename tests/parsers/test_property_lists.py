"""Damaged property lists are none; nothing of them is an error of ours."""

import plistlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceview_parsers.property_lists import read_property_list

XML = plistlib.dumps({"a": [1, 2.5, "x", b"y", True]})
BINARY = plistlib.dumps({"a": [1, 2.5, "x", b"y", True]}, fmt=plistlib.FMT_BINARY)


def test_sound_lists_are_read() -> None:
    assert read_property_list(XML) == read_property_list(BINARY) == {"a": [1, 2.5, "x", b"y", True]}


@pytest.mark.parametrize("data", [b"", b"bplist00", XML.replace(b"UTF-8", b"U6F-8"), XML[:-20], BINARY[:-3]])
def test_damaged_lists_are_none(data: bytes) -> None:
    assert read_property_list(data) is None


@given(st.sampled_from([XML, BINARY]), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4))
def test_no_damage_is_an_error(data: bytes, changes: list[tuple[int, int]]) -> None:
    changed = bytearray(data)
    for at, byte in changes:
        changed[at % len(changed)] = byte
    read_property_list(bytes(changed))
