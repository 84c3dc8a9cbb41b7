"""Property: what the encoder writes, the unified log reader reads, in every placement, packing and kind of argument."""

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
from generator.archive import Archive, Process
from generator.formats import specifiers
from generator.images import Image, Images, Placement, stable_uuid
from generator.packing import Packing
from generator.render import message
from generator.timesync import Clock
from generator.values import Argument, Static
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from traceview_parsers import open_trace

START = 1_768_469_400_000_000_000
WORDS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0%"), max_size=24)
NUMBERS = st.integers(-(1 << 63), (1 << 64) - 1)
INTEGER_SPECIFIERS = (
    "%d", "%u", "%x", "%#x", "%X", "%llu", "%lld", "%lu", "%{public}d", "%5d", "%-5d|", "%05u", "%p", "%hhd", "%{BOOL}d", "%{bool}d", "%{private}d",
)  # fmt: skip
TEXT_SPECIFIERS = ("%{public}@", "%{public}s", "%@", "%s", "%{private}@", "%{sensitive}s", "%{public}.3s")
FLOAT_SPECIFIERS = ("%f", "%.1f", "%.3f", "%g")


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, tuple[Argument, ...]]:
    """A format with fitting arguments."""
    text = draw(WORDS)
    arguments: list[Argument] = []
    for _ in range(draw(st.integers(0, 5))):
        kind = draw(st.sampled_from(("integer", "text", "float", "static")))
        if kind == "integer":
            specifier, value = draw(st.sampled_from(INTEGER_SPECIFIERS)), draw(NUMBERS)
            if specifier == "%p":
                value &= (1 << 64) - 1
        elif kind == "float":
            specifier, value = draw(st.sampled_from(FLOAT_SPECIFIERS)), draw(st.floats(-1e12, 1e12))
        elif kind == "static":
            specifier, value = "%25s:%-5d", Static(draw(st.sampled_from(("File.mm", "Other.cpp"))))
        else:
            specifier = draw(st.sampled_from(TEXT_SPECIFIERS))
            ascii_only = st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=9)
            value = draw(ascii_only if ".3" in specifier else WORDS)
        text += specifier + draw(WORDS)
        arguments.append(value)
        if kind == "static":
            arguments.append(7)
    assert len(specifiers(text)) == len(arguments)
    return text, tuple(arguments)


RECORDS = st.lists(
    st.tuples(
        calls(),
        st.sampled_from((None, *Placement)),
        st.booleans(),  # private data kept
        st.booleans(),  # oversize
        st.sampled_from(("default", "info", "debug", "error", "fault")),
        st.sampled_from(("", "com.acme.voip", "com.apple.x")),
        st.integers(0, 2_000),
    ),
    min_size=1,
    max_size=40,
)
PACKINGS = st.builds(
    Packing,
    set_bytes=st.sampled_from((4_400, 9_000, 65_536)),
    sets_per_catalog=st.integers(1, 4),
    block_bytes=st.sampled_from((None, 700, 4_000)),
    stored=st.sampled_from(((False,), (True,), (False, True))),
    page_seconds=st.sampled_from((0.001, 60.0)),
    collapsed=st.booleans(),
    with_base=st.booleans(),
)


def _write(records: list[Any], packing: Packing, folder: Path, version: int) -> Counter[tuple[Any, ...]]:
    archive = Archive(Clock(stable_uuid("property boot"), START), images=Images(dsc_version=version))
    processes = [archive.process(f"/usr/libexec/daemon{number}", 100 + number) for number in range(3)]
    images: dict[Placement | None, Image | None] = {None: None}
    for placement in Placement:
        if placement is not Placement.MAIN_EXE and not (version == 1 and placement is Placement.LARGE_SHARED_CACHE):
            images[placement] = archive.library(f"/usr/lib/lib{placement.name}.dylib", placement)
    wanted: Counter[tuple[Any, ...]] = Counter()
    now = START + 1_000_000
    for (text, arguments), placement, keep_private, oversize, level, subsystem, gap in records:
        now += gap * 1_000
        process: Process = processes[gap % 3]
        image = images.get(placement)
        archive.log(process, now, text, arguments, subsystem=subsystem, category="c" if subsystem else "", level=level,
                    library=image, keep_private=keep_private, oversize=oversize)  # fmt: skip
        wanted[
            (
                now,
                process.pid,
                process.path,
                image.path if image else process.path,
                subsystem or None,
                level,
                message(text, arguments, keep_private=keep_private),
            )
        ] += 1
    archive.write(folder, packing=packing)
    return wanted


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(RECORDS, PACKINGS, st.sampled_from((1, 2)))
def test_what_is_encoded_is_decoded(records: list[Any], packing: Packing, version: int) -> None:
    with tempfile.TemporaryDirectory(suffix=".logarchive") as scratch:
        wanted = _write(records, packing, Path(scratch), version)
        found: Counter[tuple[Any, ...]] = Counter()
        with open_trace(scratch) as trace:
            for batch in trace.batches("log"):
                frame = pl.from_arrow(batch)
                assert isinstance(frame, pl.DataFrame)
                columns = ("pid", "process_path", "sender_path", "subsystem", "level", "message")
                times = frame["time"].dt.epoch("ns")
                found.update(
                    zip(
                        times,
                        *(frame[name].cast(pl.String) if name != "pid" else frame[name] for name in columns),
                        strict=True,
                    )
                )
            problems = [str(problem) for problem in trace.problems]
        assert {(*key[:4], key[4] or None, *key[5:]): count for key, count in found.items()} == dict(wanted)
        assert problems == []
