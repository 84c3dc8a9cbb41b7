"""Rendering of single values, checked against the C library's own printf."""

import ctypes
import math
import struct
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from traceview_parsers.unified_log import printf
from traceview_parsers.unified_log.darwin_errors import errno_text
from traceview_parsers.unified_log.formats import Placeholder, placeholders

glibc = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="compares with the C library of Linux")
FIELDS = st.one_of(st.just(""), st.integers(0, 40).map(str))
PRECISIONS = st.one_of(st.just(""), st.just("."), st.integers(0, 40).map(lambda n: f".{n}"))
INTEGER_TYPES = {"hh": (1, ctypes.c_byte), "h": (2, ctypes.c_short), "": (4, ctypes.c_int), "l": (8, ctypes.c_long)}
LENGTH_NAMES = {"hh": "hh", "h": "h", "": "", "l": "l", "ll": "l", "j": "l", "z": "l", "t": "l"}


def snprintf(text: str, *values: object) -> bytes:
    buffer = ctypes.create_string_buffer(4096)
    ctypes.CDLL(None).snprintf(buffer, 4096, text.encode(), *values)
    return buffer.value


def place(text: str) -> Placeholder:
    (only,) = placeholders(text)
    return only


@glibc
@given(
    flags=st.text("-+ #0", max_size=4),
    width=FIELDS,
    precision=PRECISIONS,
    length=st.sampled_from(sorted(LENGTH_NAMES)),
    conversion=st.sampled_from("diouxX"),
    bits=st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 2**7, 2**15, 2**31, 2**63, 2**64 - 1])),
)
def test_integers_print_as_in_c(  # noqa: PLR0917 - every part of a specifier
    flags: str, width: str, precision: str, length: str, conversion: str, bits: int
) -> None:
    size, ctype = INTEGER_TYPES[LENGTH_NAMES[length]]
    text = f"%{flags}{width}{precision}{length}{conversion}"
    item = (bits & (1 << 8 * size) - 1).to_bytes(size, "little")
    assert printf.format_scalar(place(text), item) == snprintf(text, ctype(bits)).decode()


@glibc
@given(
    flags=st.text("-+ #0", max_size=3),
    width=st.integers(-40, 40),
    precision=st.integers(-3, 30),
    bits=st.integers(-(2**31), 2**31 - 1),
)
def test_widths_and_precisions_from_items(flags: str, width: int, precision: int, bits: int) -> None:
    text = f"%{flags}*.*d"
    expected = snprintf(text, ctypes.c_int(width), ctypes.c_int(precision), ctypes.c_int(bits)).decode()
    assert printf.format_integer(place(text), bits, 4, width, precision) == expected


@glibc
@given(
    flags=st.text("-+ #0", max_size=4),
    width=FIELDS,
    precision=PRECISIONS,
    conversion=st.sampled_from("fFeEgGaA"),
    value=st.floats(allow_nan=False, allow_subnormal=False),
)
@example(flags="", width="", precision=".0", conversion="a", value=1.5)
@example(flags="0+", width="9", precision="", conversion="f", value=math.inf)
def test_floats_print_as_in_c(flags: str, width: str, precision: str, conversion: str, value: float) -> None:
    text = f"%{flags}{width}{precision}{conversion}"
    assert (
        printf.format_scalar(place(text), struct.pack("<d", value)) == snprintf(text, ctypes.c_double(value)).decode()
    )


@glibc
@given(
    flags=st.sampled_from(["", "-"]),
    width=FIELDS,
    precision=PRECISIONS,
    text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30),
)
def test_strings_count_bytes_as_in_c(flags: str, width: str, precision: str, text: str) -> None:
    spec = f"%{flags}{width}{precision}s"
    expected = snprintf(spec, ctypes.c_char_p(text.encode())).decode("utf-8", "replace")
    assert printf.format_text(place(spec), text) == expected
    assert printf.format_text(place(spec), text.encode()) == expected


@glibc
@given(address=st.integers(1, 2**64 - 1), flags=st.sampled_from(["", "-"]), width=FIELDS)
def test_pointers(address: int, flags: str, width: str) -> None:
    text = f"%{flags}{width}p"
    assert printf.format_integer(place(text), address, 8) == snprintf(text, ctypes.c_void_p(address)).decode()


@glibc
@given(value=st.floats(width=32, allow_nan=False), digits=st.integers(0, 12))
def test_four_byte_floats(value: float, digits: int) -> None:
    text = f"%.{digits}f"
    assert (
        printf.format_scalar(place(text), struct.pack("<f", value)) == snprintf(text, ctypes.c_double(value)).decode()
    )


@given(
    place=st.builds(
        Placeholder,
        st.text("-+ #0'", max_size=3),
        st.one_of(st.none(), st.just("*"), st.integers(0, 99)),
        st.one_of(st.none(), st.just("*"), st.integers(0, 99)),
        st.sampled_from(["", "hh", "h", "l", "ll", "L", "z"]),
        st.sampled_from("aAcCdDeEfFgGimoOpPsSuUxX@"),
        st.none(),
        st.none(),
        st.just(()),
        st.just(""),
    ),
    item=st.binary(max_size=16),
    given_fields=st.tuples(st.one_of(st.none(), st.integers()), st.one_of(st.none(), st.integers())),
)
def test_no_item_raises(place: Placeholder, item: bytes, given_fields: tuple[int | None, int | None]) -> None:
    text = printf.format_scalar(place, item, *given_fields)
    assert text is None or text.encode() is not None  # `%.0d` of 0 is no character in C
    assert printf.format_text(place, item, *given_fields).encode() is not None


@pytest.mark.parametrize(
    ("text", "item", "expected"),
    [
        ("%d", (2**40).to_bytes(8, "little"), "1099511627776"),
        ("%d", b"\xff" * 8, "-1"),
        ("%u", b"\xff" * 4, "4294967295"),
        ("%x", b"\xff" * 4, "ffffffff"),
        ("%llx", b"\xff" * 4, "ffffffff"),
        ("%lld", b"\xff" * 4, "-1"),
        ("%hhx", b"\xff\xff\xff\xff", "ff"),
        ("%qd", (2**31).to_bytes(8, "little"), "2147483648"),  # glibc has no q before conversions of its own
        ("%hhd", b"\x80\x00\x00\x00", "-128"),
        ("%#x", bytes(4), "0"),
        ("%p", bytes(8), "0x0"),
        ("%6.6d", b"\x01\x00\x00\x00", "000001"),
        ("%D", b"\x07\x00\x00\x00", "7"),
        ("%U", b"\x07\x00\x00\x00", "7"),
        ("%O", b"\x08\x00\x00\x00", "10"),
        ("%'d", (1234567).to_bytes(4, "little"), "1234567"),
        ("%c", b"A\x00\x00\x00", "A"),
        ("%5c", b"A\x00\x00\x00", "    A"),
        ("%c", b"\xe9\x00\x00\x00", "\ufffd"),
        ("%C", b"\xac\x20\x00\x00", "€"),
        ("%lc", b"\x00\xd8\x00\x00", "\ufffd"),
        ("%m", b"\x11\x00\x00\x00", "File exists"),
        ("%m", bytes(4), "Undefined error: 0"),
        ("%f", struct.pack("<d", -math.nan), "nan"),
        ("%+5G", struct.pack("<d", math.nan), "  NAN"),
        ("%Lf", b"\x00\x00\x00\x00\x00\x00\x00\x80\xff\x3f" + bytes(6), "1.000000"),
        ("%Lf", b"\xff" * 8 + b"\xfe\x7f", "inf"),
        ("%f", b"abc", None),
        ("%s", b"\x01\x00\x00\x00", None),
        ("%d", b"", None),
        ("%d", bytes(16), None),
    ],
)
def test_apple_items(text: str, item: bytes, expected: str | None) -> None:
    assert printf.format_scalar(place(text), item) == expected


@pytest.mark.parametrize(
    ("spec", "text", "expected"),
    [
        ("%s", None, "(null)"),
        ("%.3s", None, "(nu"),
        ("%{public}-22s", "SFIManagedFocal", "SFIManagedFocal       "),
        ("%{public}.0s", "#CLIUA", ""),
        ("%.2s", "äö", "ä"),
        ("%S", "äö", "äö"),
        ("%.1S", "äö", "ä"),
        ("%4S", "äö", "  äö"),
        ("%@", b"caf\xff", "caf\ufffd"),
    ],
)
def test_texts(spec: str, text: str | bytes | None, expected: str) -> None:
    assert printf.format_text(place(spec), text) == expected


def test_huge_fields_are_cut() -> None:
    text = printf.format_integer(place("%999999999d"), 1, 4)
    assert len(text) == 8192
    assert len(printf.format_text(place("%*s"), "x", -(10**9))) == 8192


def test_data_and_errors() -> None:
    assert printf.format_data(b"\x01\xab") == "'01 ab'"
    assert printf.format_data(None) == "(null)"
    assert errno_text(65) == "No route to host"
    assert errno_text(106) == "Interface output queue is full"
    assert errno_text(-3) == "Unknown error: -3"
