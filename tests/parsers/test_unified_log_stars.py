"""Widths and precisions that arguments give, as clang and Swift write them; digits of signpost metadata."""

import struct
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from generator.archive import Archive
from generator.images import stable_uuid
from generator.timesync import Clock
from generator.values import COUNT, MASKED, OBJECT, PRIVATE, PUBLIC, SCALAR, STRING, Item, items
from hypothesis import given, settings
from hypothesis import strategies as st

from traceview_parsers.problems import Problems
from traceview_parsers.selection import Selection
from traceview_parsers.trace import Candidate, CaptureInfo, Context, Device, ReadOptions
from traceview_parsers.unified_log import READER
from traceview_parsers.unified_log.items import Items

START = 1_768_469_400_000_000_000
PRIVATE_NUMBER = Item(SCALAR | PRIVATE, bytes(4), ranged=False)
MASK_NAME = Item(0x70, b"hash\0\0\0\0", ranged=False)
HASH = Item(MASKED | PUBLIC, bytes(16), ranged=True)
HASHED = "<mask.hash: 'AAAAAAAAAAAAAAAAAAAAAA=='>"


def number(value: int, kind: int = SCALAR) -> Item:
    return Item(kind, struct.pack("<i", value), ranged=False)


def real(value: float) -> Item:
    return Item(SCALAR, struct.pack("<d", value), ranged=False)


def text(value: str, kind: int = STRING) -> Item:
    return Item(kind | PUBLIC, value.encode() + b"\0", ranged=True)


def read(root: Path, logged: list[tuple[str, list[Item]]]) -> list[dict[str, Any]]:
    archive = Archive(Clock(stable_uuid("boot"), START))
    process = archive.process("/Applications/Acme.app/Acme", 812)
    for at, (form, made) in enumerate(logged):
        archive.log(process, START + at + 1, form, items=made)
    archive.write(root)
    problems = Problems()
    context = Context(0, ReadOptions(), problems, Device(), CaptureInfo())
    source = READER.open(Candidate(root.name, root, is_dir=True), context)
    rows = [row for batch in source.batches("log", Selection(arguments=True)) for row in batch.to_pylist()]
    assert list(problems) == []
    return rows


PRECISION = [number(2), number(2, SCALAR | PUBLIC), number(2, COUNT), number(2, COUNT | PUBLIC)]


@pytest.mark.parametrize("precision", PRECISION, ids=lambda item: f"{item.type:#04x}")
@pytest.mark.parametrize("width", [number(8), number(8, COUNT)], ids=lambda item: f"{item.type:#04x}")
def test_a_precision_is_a_number_or_a_length(tmp_path: Path, width: Item, precision: Item) -> None:
    logged = [
        ("rtt %.*f ms, jitter %.1f, lost %d", [precision, real(123.456), real(7.25), number(3)]),
        ("id %0.*x end %u", [precision, number(0xA), number(9)]),
        ("%*.*f|%s", [width, precision, real(3.14159), text("tail")]),
        ("%-*.*d|%d", [width, precision, number(5), number(6)]),
        ("%.*@ of %@", [precision, text("object", OBJECT), text("all", OBJECT)]),
        ("%*.*s|%d", [width, number(2, COUNT), text("word"), number(6)]),
        ("%.*g %{private}d %d", [precision, real(1234.5), PRIVATE_NUMBER, number(6)]),
        ("%.*m %d", [precision, Item(0x60, struct.pack("<i", 2), ranged=False), number(6)]),
        ("%{private, mask.hash}*s|%d", [width, MASK_NAME, HASH, number(6)]),
        ("%{private, mask.hash}*s|%d", [MASK_NAME, width, HASH, number(6)]),
        ("%{public, mask.hash}.*f|%d", [MASK_NAME, precision, real(0.5), number(6)]),
    ]
    assert [row["message"] for row in read(tmp_path, logged)] == [
        "rtt 123.46 ms, jitter 7.2, lost 3",
        "id 0a end 9",
        "    3.14|tail",
        "05      |6",
        "ob of all",
        "      wo|6",
        "1.2e+03 <private> 6",
        "No 6",
        f"{HASHED}|6",
        f"{HASHED}|6",
        "0.50|6",
    ]


def test_private_values_keep_their_places(tmp_path: Path) -> None:
    """A real format of the modem's daemon: its fields tell where the device was."""
    form = (
        "#I Index: %d, MCC: %03d, MNC: %0.*d, Area code: %d, Cell ID: %{private}d, EARFCN: %d, "
        "Latitude: %{private}d, Bandwidth: %u"
    )
    made = items(form, (0, 262, 2, 1, 42011, 7, 1300, 8, 20))
    (row,) = read(tmp_path, [(form, made)])
    assert row["message"] == (
        "#I Index: 0, MCC: 262, MNC: 01, Area code: 42011, Cell ID: <private>, EARFCN: 1300, "
        "Latitude: <private>, Bandwidth: 20"
    )
    assert [value["integer"] for value in row["arguments"]] == [0, 262, 1, 42011, None, 1300, None, 20]
    assert [value["privacy"] for value in row["arguments"]] == [None] * 4 + ["private", None, "private", None]


def test_a_width_or_precision_that_is_not_there_takes_no_value(tmp_path: Path) -> None:
    logged = [
        ("%*s|%d", [text("word"), number(6)]),
        ("%.*@|%d", [text("object", OBJECT), number(6)]),
        ("%*.*d|%d", [PRIVATE_NUMBER, number(6)]),
        ("%.*f|%d", []),
    ]
    missing = "<decode: missing data>"
    assert [row["message"] for row in read(tmp_path, logged)] == [
        "word|6",
        "object|6",
        "<private>|6",
        f"{missing}|{missing}",
    ]


@st.composite
def _placeholders(draw: st.DrawFn) -> tuple[str, list[Item], str]:
    """Return (specifier, its items as some compiler writes them, how C prints the value)."""
    conversion = draw(st.sampled_from("dxfgs"))
    flag = draw(st.sampled_from(["", "-"]))
    made, values = [], []
    wide, precise = draw(st.booleans()), draw(st.booleans())
    if wide:
        values.append(draw(st.integers(0, 12)))
        made.append(number(values[-1], draw(st.sampled_from([SCALAR, COUNT]))))
    if precise:
        values.append(draw(st.integers(0, 9)))
        made.append(number(values[-1], COUNT if conversion == "s" else draw(st.sampled_from([SCALAR, COUNT]))))
    value: Any = draw(st.integers(1, 2**31 - 1))
    if conversion == "s":
        value = draw(st.text("abcxyz", min_size=1, max_size=9))
        made.append(text(value))
    elif conversion in "fg":
        value = value / 64
        made.append(real(value))
    else:
        made.append(number(value))
    specifier = f"%{flag}{'*' * wide}{'.*' * precise}{conversion}"
    return specifier, made, specifier % (*values, value)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(_placeholders(), max_size=5), min_size=1, max_size=8))
def test_values_are_printed_as_c_does(records: list[list[tuple[str, list[Item], str]]]) -> None:
    logged = [("|".join(form for form, _, _ in one), [item for _, made, _ in one for item in made]) for one in records]
    with TemporaryDirectory() as folder:
        messages = [row["message"] for row in read(Path(folder), logged)]
    assert messages == ["|".join(shown for _, _, shown in one) for one in records]


def test_floats_of_signpost_metadata_have_all_digits(tmp_path: Path) -> None:
    name = "signpost.telemetry:number1"
    logged = [
        (f"%{{public, {name}}}.2f %d", [real(1.625), number(6)]),
        (f"%{{public, {name}}}-9.*f %d", [number(1), real(0.1), number(6)]),
        ("%.2f %{xcode:size-in-bytes}d", [real(1.625), number(1_000_000)]),
    ]
    rows = read(tmp_path, logged)
    assert [row["message"] for row in rows] == [
        "__##__signpost.telemetry#____#number1#_##_#1.625##__## 6",
        "__##__signpost.telemetry#____#number1#_##_#0.1##__## 6",
        "1.62 1000000",
    ]
    assert [[value["real"] for value in row["arguments"][:1]] for row in rows] == [[1.625], [0.1], [1.625]]


def test_before_the_only_item_is_none_and_before_that_neither() -> None:
    empty = np.zeros(1, np.int64)
    items = Items(*(np.ones(1, np.int64) if name == "steps" else empty for name in Items.__struct_fields__))
    assert items.before(items.before(np.zeros(1, np.int64))).tolist() == [-1]
