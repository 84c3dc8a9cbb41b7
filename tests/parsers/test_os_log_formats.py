"""Parsing of os_log format strings."""

import gzip
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceview_parsers.unified_log import printf
from traceview_parsers.unified_log.formats import Placeholder, mismatch, parse_format, placeholders


def one(text: str) -> Placeholder:
    (only,) = placeholders(text)
    return only


def test_literals_and_placeholders_keep_their_order() -> None:
    parts = parse_format("a %d b %{public}s c")
    assert [part if isinstance(part, str) else part.raw for part in parts] == ["a ", "%d", " b ", "%{public}s", " c"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("plain", ("plain",)),
        ("100%%", ("100%",)),
        ("%5%!", ("%!",)),
        ("%", ("%",)),
        ("cut off %", ("cut off %",)),
        ("cut off %{public", ("cut off %{public",)),
        ("cut off %08l", ("cut off %08l",)),
        ("Registering Mach Service: [%{public}]", ("Registering Mach Service: [%{public}]",)),
        ("%y%k", ("%y%k",)),
        ("%{public}%", ("%{public}%",)),
    ],
)
def test_what_is_no_specifier_stays_text(text: str, expected: tuple[str, ...]) -> None:
    assert parse_format(text) == expected


@pytest.mark.parametrize(
    ("text", "flags", "width", "precision", "length", "conversion"),
    [
        ("%d", "", None, None, "", "d"),
        ("%6.6d", "", 6, 6, "", "d"),
        ("%-5d", "-", 5, None, "", "d"),
        ("%#010llx", "#0", 10, None, "ll", "x"),
        ("%{public}-22s", "-", 22, None, "", "s"),
        ("%.*P", "", None, "*", "", "P"),
        ("%.16P", "", None, 16, "", "P"),
        ("%-*.*s", "-", "*", "*", "", "s"),
        ("%.f", "", None, 0, "", "f"),
        ("%.-3d", "", None, None, "", "d"),
        ("%1$@", "", None, None, "", "@"),
        ("%hhu", "", None, None, "hh", "u"),
        ("%Lg", "", None, None, "L", "g"),
        ("%zu", "", None, None, "z", "u"),
        ("%m", "", None, None, "", "m"),
        ("%mdns", "", None, None, "", "m"),
        ("%99999999999999999999s", "", 8192, None, "", "s"),
    ],
)
def test_fields(  # noqa: PLR0917 - the columns of the table above
    text: str, flags: str, width: int | str | None, precision: int | str | None, length: str, conversion: str
) -> None:
    found = one(text)
    assert (found.flags, found.width, found.precision, found.length, found.conversion) == (
        flags,
        width,
        precision,
        length,
        conversion,
    )


@pytest.mark.parametrize("letter", "aAcCdDeEfFgGimoOpPsSuUxX@")
def test_all_conversions(letter: str) -> None:
    assert one(f"<%{{public}}{letter}>").conversion == letter


@pytest.mark.parametrize("length", ["h", "hh", "l", "ll", "q", "j", "z", "t", "L"])
def test_all_lengths(length: str) -> None:
    assert one(f"%{length}d").length == length


@pytest.mark.parametrize(
    ("annotations", "privacy", "decoder"),
    [
        ("", None, None),
        ("public", "public", None),
        ("public, private", "private", None),
        ("sensitive,private", "sensitive", None),
        ("public,uuid_t", "public", "uuid_t"),
        ("private, mask.hash, mdnsresponder:ip_addr", "private", "mdnsresponder:ip_addr"),
        ("private, mask.hash", "private", None),
        ("public,signpost.description:begin_time", "public", None),
        ("public, signpost.telemetry:number1, Name:ResultCount", "public", None),
        ("public, name=surfaceID", "public", None),
        ("bool", None, "bool"),
        ("darwin.errno, key:errorCode", None, "darwin.errno"),
        ("public, xcode:size-in-bytes", "public", None),
        ("xcode:data, bool", None, "bool"),
        ("publid", None, "publid"),
    ],
)
def test_annotations(annotations: str, privacy: str | None, decoder: str | None) -> None:
    found = one(f"%{{{annotations}}}d")
    assert (found.privacy, found.decoder) == (privacy, decoder)
    assert found.masked == ("mask.hash" in annotations)


@pytest.mark.parametrize(("text", "items"), [("%d", 1), ("%.16P", 1), ("%.*P", 2), ("%*d", 2), ("%*.*f", 3)])
def test_items(text: str, items: int) -> None:
    assert one(text).items == items


def test_plain() -> None:
    assert one("%{public, name=x}llu").plain
    assert not any(one(text).plain for text in ("%5d", "%.0f", "%#x", "%{bool}d", "%.*s", "%*d"))


def test_signpost_metadata_has_marks() -> None:
    assert one("%{public, signpost.description:begin_time}llu").marks == (
        "__##__signpost.description#____#begin_time#_##_#",
        "##__##",
    )
    assert (
        one("%{public, name=order, signpost.telemetry:number1}u").marks[0]
        == "__##__signpost.telemetry#____#number1#_##_#"
    )
    assert one("%{public, name=order}u").marks == ("", "")


def test_floats_of_signpost_metadata_are_shown_in_full() -> None:
    float_of = one("%{public, signpost.telemetry:number1}+8.2f")
    assert (float_of.marks, float_of.raw) == (float_of.in_full().marks, float_of.in_full().raw)
    assert printf.format_float(float_of.in_full(), 5.88671875) == "5.88671875"
    assert printf.format_float(one("%{signpost.description:attribute}.1e").in_full(), 1 / 3) == "0.3333333333333333"
    for text in ("%.2f", "%{private, signpost.telemetry:number1}.2f", "%{public, signpost.telemetry:number1}5d"):
        assert one(text).in_full() is one(text)


@pytest.mark.real
def test_real_signposts_show_the_marks(real: Path) -> None:
    checked = 0
    with gzip.open(real / "logarchive" / "macos12.reference.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if "signpost." not in (row["format"] or ""):
                continue
            pieces = [
                re.escape(part)
                if isinstance(part, str)
                else f"(?:{'.*?'.join(map(re.escape, part.marks))}|.*?|<private>)"
                for part in parse_format(row["format"])
            ]
            assert re.fullmatch("".join(pieces), row["message"], re.DOTALL), row
            marks = [part.marks[0] for part in placeholders(row["format"]) if part.marks[0]]
            assert all(mark in row["message"] for mark in marks) or "<private>" in row["message"]
            checked += 1
    assert checked > 500


def test_mismatch_reads_as_apple_prints_it() -> None:
    assert mismatch(one("%u"), "STRING", 9) == "<decode: mismatch for [%u] got [STRING sz:9]>"
    assert mismatch(one("%{public}u"), "DATA", 2, 2) == "<decode: mismatch for [%{public}u] got [DATA public sz:2]>"


@given(st.text(st.sampled_from("%{}.*0123456789 -+#'$hlqjztLdsPp@m,:abc\n")))
def test_every_text_parses_and_nothing_is_lost(text: str) -> None:
    parts = parse_format(text)
    assert not any(isinstance(first, str) and isinstance(second, str) for first, second in pairwise(parts))
    raw = "".join(part if isinstance(part, str) else part.raw for part in parts)
    if re.search(r"%[^%{]*%", text) is None:
        assert raw == text
    else:
        assert len(raw) <= len(text)


_ONE_KIND = {
    "%d": r"-?\d+|<private>",
    "%u": r"\d+|<private>",
    "%p": r"0x[0-9a-f]+|<private>",
    "%s": r"[\s\S]*",
    "%{public}s": r"[\s\S]*",
    "%{public}@": r"[\s\S]*",
}


@pytest.mark.real
def test_literals_line_up_with_real_messages(real: Path) -> None:
    """Formats of one kind of placeholder: the literals stand in the message, in order, with a fitting value between."""
    seen: set[tuple[str, str]] = set()
    with gzip.open(real / "logarchive" / "macos12.reference.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if row["agreed"] and row["format"]:
                seen.add((row["format"], row["message"]))
    checked = 0
    for text, message in seen:
        parts = parse_format(text)
        kinds = {part.raw for part in parts if isinstance(part, Placeholder)}
        if len(kinds) != 1 or not kinds <= _ONE_KIND.keys():
            continue
        value = _ONE_KIND[kinds.pop()]
        pattern = "".join(
            re.escape(part) if isinstance(part, str) else f"(?:{value})" for part in parse_format(text.rstrip())
        )
        assert re.fullmatch(pattern, message) or re.fullmatch(pattern, message.rstrip()), (text, message)
        checked += 1
    assert checked > 1_000


@pytest.mark.real
def test_numbers_of_real_messages_render_back(real: Path) -> None:
    """Where a real format has one number, reading it from the message and rendering it again gives the message."""
    checked = 0
    with gzip.open(real / "logarchive" / "macos12.reference.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            parts = parse_format(row["format"] or "")
            found = [part for part in parts if isinstance(part, Placeholder)]
            if not row["agreed"] or len(found) != 1 or found[0].conversion not in "dux" or found[0].decoder:
                continue
            before = parts[0] if isinstance(parts[0], str) else ""
            after = parts[-1] if isinstance(parts[-1], str) else ""
            digits = row["message"].removeprefix(before).removesuffix(after).strip()
            base = 16 if found[0].conversion == "x" else 10
            if not re.fullmatch(r"-?(?:0x)?[0-9a-f]+", digits):
                continue
            rendered = printf.format_integer(found[0], int(digits, base), 8)
            assert f"{before}{rendered}{after}".strip() == row["message"].strip()
            checked += 1
    assert checked > 100
