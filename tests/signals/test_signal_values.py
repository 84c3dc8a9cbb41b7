"""Fields from typed arguments and fields from the text are the same."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from generator.archive import Archive, new_archive
from generator.values import Argument, Static
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from traceview.signals.catalogue import Signal, catalogue
from traceview.signals.matcher import match
from traceview.signals.notation import NAME, PREFIX, arguments_of, names_of
from traceview.signals.selection import log_selection
from traceview.signals.values import Arguments, call_of
from traceview_parsers import open_trace
from traceview_parsers.schema import ARGUMENTS_FIELD
from traceview_parsers.selection import Selection
from traceview_parsers.unified_log.formats import FLOATS, STRINGS, Placeholder, parse_format, placeholders
from traceview_parsers.unified_log.printf import format_character, format_float, format_integer, format_text

SAMPLES = Path(__file__).parents[2] / "sample_traces"
Rows = Callable[..., pl.DataFrame]
KNOWN = [
    (known.signals[form.signal], named)
    for known in [catalogue()]
    for form in known.forms
    for named in form.formats.values()
]
Call = tuple[Signal, str, list[Argument]]
START = 1_768_000_000_000_000_000
UUID = "6B0B5A7C-1111-4222-8333-444455556666"

TEXTS: dict[str, list[Argument]] = {
    "bundle": ["com.acme.voip", "a.b", "com.acme.voip-2.share"],
    "handle": ["[app<com.acme.voip((null))>:77]", "[application<com.acme.voip>:716]", "[osservice<com.apple.dasd>:76]"],
    "identity": [f"app<com.acme.voip({UUID})>", "application<com.acme.voip>", "daemon<com.apple.x>"],
    "client": ["sid:0x6f6a3, Acme Voice(77), 'prim'"],
    "call_id": [UUID, UUID.lower()],
    "session_id": ["0x6F6A3", "6f6a3"],
}
WORDS: list[Argument] = [
    "x",
    "Acme Voice",
    "café",
    "a.b-c",
    "7",
    "0x1F",
    "YES",
    "",
    " padded ",
    "multi\nline",
    "<private>",
]
"""Strings that do not hold what stands around them in a format."""
INTEGERS: list[Argument] = [0, 1, 2, 77, 255, -1, 2**31, 2**32 - 1, 2**63, 2**64 - 1, -(2**63)]
REALS: list[Argument] = [0.0, -1.5, 0.1234567, 1e12, 90.0]


def pool(place: Placeholder, name: str | None) -> list[Argument]:
    """Return what `place` may print."""
    if place.conversion in STRINGS:
        return [*TEXTS.get(name or "", WORDS), None]
    if place.conversion in FLOATS:
        return REALS
    return [89, 78] if place.conversion == "c" else INTEGERS


def printed(named: str, annotation: str) -> str:
    """Return the format of a call site: without names, its bare strings with an annotation or none."""
    text = NAME.sub("", named)
    before = PREFIX.match(text)
    start = before.end() if before else 0
    return text[:start] + re.sub(r"%([@s])", rf"%{annotation}\1", text[start:])


def places_before(text: str) -> int:
    """Count the placeholders that print the function or source line in front of a message: never a value."""
    before = PREFIX.match(text)
    return len(placeholders(before[0])) if before else 0


def calls(seed: int) -> list[Call]:
    """Return one call of every known format."""
    chance = Random(seed)  # noqa: S311  (test data)
    found: list[Call] = []
    for signal, named in KNOWN:
        names = {at: name for name, at in arguments_of(named).items()}
        text = printed(named, chance.choice(["", "{public}", "{private}"]))
        arguments = [chance.choice(pool(place, names.get(at))) for at, place in enumerate(placeholders(text))]
        for at, place in enumerate(placeholders(text)[: places_before(text)]):
            arguments[at] = Static("-[MXSession play:]") if place.conversion in STRINGS else 4711
        found.append((signal, text, arguments))
    return found


def logged(archive: Archive, calls: list[Call], *, keep_private: bool) -> None:
    processes: dict[str, object] = {}
    for at, (signal, text, arguments) in enumerate(calls):
        name = min(signal.processes, default="Acme")
        path = (
            f"/private/var/containers/Bundle/Application/X/{name}.app/{name}" if name == "Acme" else f"/usr/bin/{name}"
        )
        process = processes.setdefault(name, archive.process(path, 100 + len(processes)))
        library = archive.library(f"/System/Library/{min(signal.senders)}") if signal.senders else None
        archive.log(
            process, START + at * 1_000, text, arguments, subsystem=signal.subsystem or "", category="c",
            library=library, keep_private=keep_private,
        )  # type: ignore[arg-type]  # fmt: skip


def rows_of(folder: Path, *, everything: bool = True) -> pl.DataFrame:
    wanted = Selection() if everything else log_selection(catalogue())
    with open_trace(folder) as trace:
        batches = list(trace.batches("log", replace(wanted, arguments=True)))
    frame = pl.DataFrame(pa.Table.from_batches(batches))
    assert isinstance(frame, pl.DataFrame)
    return frame


def three_ways(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    yield match(frame)
    yield match(frame.drop("arguments"))
    yield match(frame.drop("arguments", "format"))


def differences(one: pl.DataFrame, other: pl.DataFrame) -> list[str]:
    """Say how two event tables differ, row by row."""
    found = []
    others = {row["ref"]: row for row in other.iter_rows(named=True)}
    for row in one.iter_rows(named=True):
        twin = others.pop(row["ref"], None)
        if twin != row:
            fields = [name for name in row if twin is None or twin[name] != row[name]]
            shown = {name: (row[name], twin and twin[name]) for name in fields if twin is not None}
            found.append(f"{row['signal']}: {row['message']!r} {shown}")
    return found + [f"only in text: {row['signal']}: {row['message']!r}" for row in others.values()]


def check(made: list[Call], *, keep_private: bool) -> pl.DataFrame:
    with TemporaryDirectory() as name:
        folder = Path(name) / "made.logarchive"
        archive = new_archive("values", START)
        logged(archive, made, keep_private=keep_private)
        archive.write(folder)
        frame = rows_of(folder)
    told, by_format, by_text = three_ways(frame)
    assert not differences(told, by_format)
    assert not differences(told, by_text)
    return told


@pytest.mark.parametrize(("seed", "keep_private"), [(0, False), (1, True)])
def test_every_known_format_says_the_same_by_arguments_and_by_text(seed: int, keep_private: bool) -> None:  # noqa: FBT001
    told = check(calls(seed), keep_private=keep_private)
    assert told.height > 0.9 * len(KNOWN)


def shown(place: Placeholder, drawn: Argument) -> str:
    """Return what the reader prints for an argument."""
    if place.conversion in STRINGS:
        return format_text(place, None if drawn is None else str(drawn))
    if isinstance(drawn, float):
        return format_float(place, drawn)
    assert isinstance(drawn, int)
    return format_character(place, drawn) if place.conversion == "c" else format_integer(place, drawn, 8)


def argument(place: Placeholder, drawn: Argument) -> dict[str, Any]:
    """Return the struct that a reader makes of an argument."""
    column = "text" if place.conversion in STRINGS else "real" if isinstance(drawn, float) else "integer"
    signed = (drawn + 2**63) % 2**64 - 2**63 if isinstance(drawn, int) else drawn
    return {"integer": None, "real": None, "text": None, "privacy": None, column: signed}


def drawn_by(place: Placeholder, around: list[str]) -> st.SearchStrategy[Argument]:
    if place.conversion in STRINGS:
        letters = st.text("abcXYZ0189_ äé€🎧-", max_size=10)
        return st.none() | letters.filter(lambda text: not any(part in f" {text} " for part in around))
    if place.conversion in FLOATS:
        return st.floats(-1e15, 1e15)
    return st.integers(0, 127) if place.conversion == "c" else st.integers(-(2**63), 2**63 - 1)


PLAIN = [
    (signal, named)
    for signal, named in KNOWN
    if not PREFIX.match(named) and not {"handle", "bundle"} & set(names_of(named)) and names_of(named)
    if not any(place.decoder for place in placeholders(NAME.sub("", named)))  # `shown` knows no decoders
]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PLAIN), st.data())
def test_any_value_is_the_same_by_argument_and_by_text(pair: tuple[Signal, str], data: st.DataObject) -> None:
    signal, named = pair
    text = NAME.sub("", named)
    around = [part for part in parse_format(text) if isinstance(part, str)]
    places = placeholders(text)
    values = [data.draw(drawn_by(place, around)) for place in places]
    rest = iter(zip(places, values, strict=True))
    message = "".join(part if isinstance(part, str) else shown(*next(rest)) for part in parse_format(text))
    columns = {
        "ref": pl.Series([1], dtype=pl.UInt64),
        "message": [message],
        "format": [text],
        "process": pl.Series([min(signal.processes, default="Acme")], dtype=pl.String),
        "subsystem": pl.Series([signal.subsystem], dtype=pl.String),
        "sender": pl.Series([min(signal.senders, default=None)], dtype=pl.String),
    }
    arguments = [argument(place, one) for place, one in zip(places, values, strict=True)]
    frame = pl.DataFrame(columns).with_columns(pl.Series("arguments", pa.array([arguments], ARGUMENTS_FIELD.type)))
    told, by_format, _ = three_ways(frame)
    assert told["signal"].to_list() == [signal.id] or by_format.equals(told)
    assert not differences(told, by_format)


TYPED = sorted(
    path for shape in ("*.logarchive.tar.gz", "*.xctrace", "sysdiagnose_*.tar.gz") for path in SAMPLES.glob(shape)
)


@pytest.mark.parametrize("path", TYPED, ids=lambda path: path.name)
def test_samples_say_the_same_by_arguments_and_by_text(path: Path) -> None:
    frame = rows_of(path)
    told, by_format, by_text = three_ways(frame)
    assert told.height > 10
    assert frame["arguments"].is_not_null().any()
    assert not differences(told, by_format)
    assert not differences(told, by_text)


@pytest.mark.real
def test_a_real_archive_says_the_same_by_arguments_and_by_text(real: Path) -> None:
    archive = real / "logarchive" / "macos12.logarchive.tar.gz"
    if not archive.is_file():
        pytest.skip(f"no {archive}")
    frame = rows_of(archive, everything=False)
    told, by_format, by_text = three_ways(frame)
    assert told.height > 300
    assert not differences(told, by_format)
    assert not differences(told, by_text)


def test_arguments_that_do_not_fit_their_format_are_left_to_the_text(log_rows: Rows) -> None:
    messages = [f"Wake reason: rtc{number}  identity: x " for number in range(3)]
    frame = log_rows(messages, process="powerd", format="Wake reason: %s  identity: %s \n")
    one = {"integer": None, "real": None, "text": "gpio", "privacy": None}
    arguments = pl.Series("arguments", pa.array([[one, one], [one], None], ARGUMENTS_FIELD.type))
    events = match(frame.with_columns(arguments))
    assert events["reason"].to_list() == ["gpio", "rtc1", "rtc2"]


def test_a_call_site_is_read_by_its_own_placeholders() -> None:
    named = "Took %d<value> of %.2f<limit> in %@<reason>"
    call = call_of(named, "Took %{public}d of %.2f in %{private}@")
    assert call is not None
    assert {name: at for name, (at, _) in call.fields.items()} == {"value": 0, "limit": 1, "reason": 2}
    assert call_of(named, "Took %d of %.2f") is None
    assert call_of("%.*s<reason>", "%.*s") is None


@pytest.mark.parametrize(
    ("text", "given_value", "expected"),
    [
        ("%llu", {"integer": -1}, "18446744073709551615"),
        ("%#llx", {"integer": 255}, "0xff"),
        ("%08x", {"integer": 255}, "000000ff"),
        ("%.2f", {"real": 0.125}, "0.12"),
        ("%f", {"real": float("nan")}, "nan"),
        ("%c", {"integer": 89}, "Y"),
        ("%.3s", {"text": "abcdef"}, "abc"),
        ("%{BOOL}d", {"text": "YES"}, "YES"),
        ("%@", {"privacy": "private"}, None),
    ],
)
def test_values_are_printed_as_the_format_says(text: str, given_value: dict[str, Any], expected: str | None) -> None:
    one = {"integer": None, "real": None, "text": None, "privacy": None} | given_value
    column = pl.Series("arguments", pa.array([None, [one]], ARGUMENTS_FIELD.type))
    call = call_of(f"{text}<value>", text)
    assert call is not None
    fields = Arguments(column).fields(np.array([1]), call)
    assert fields["value"].to_list() == [expected]
