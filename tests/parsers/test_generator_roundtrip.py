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
    lzbitmap=st.booleans(),
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


def test_several_boots_caches_and_kinds_of_file(tmp_path: Path) -> None:
    """Nothing of this is in the real archives at hand: two boots with a cache each, high volume and live files."""
    folder = tmp_path / "two.logarchive"
    wanted: set[tuple[Any, ...]] = set()
    for boot in (1, 2):
        start = START + boot * 86_400_000_000_000
        images = Images(dsc_uuid=stable_uuid(f"cache {boot}"))
        archive = Archive(Clock(stable_uuid(f"boot {boot}"), start), images=images)
        app = archive.process("/usr/libexec/daemon", 40 + boot)
        library = archive.library(f"/usr/lib/of{boot}", Placement.SHARED_CACHE)
        for number, stream in enumerate(("persist", "special", "highvolume", *(("live",) if boot == 2 else ()))):
            when = start + (number + 1) * 1_000_000_000
            archive.log(app, when, f"boot {boot} %{{public}}s", (stream,), library=library, stream=stream)
            wanted.add((when, 40 + boot, f"/usr/lib/of{boot}", f"boot {boot} {stream}"))
        archive.write(folder, first_file=boot * 16)
    found = set()
    with open_trace(folder) as trace:
        for batch in trace.batches("log"):
            for row in pl.DataFrame(batch).with_columns(pl.col("time").dt.epoch("ns")).iter_rows(named=True):
                found.add((row["time"], row["pid"], row["sender_path"], row["message"]))
        assert [str(problem) for problem in trace.problems] == []
    assert found == wanted


def test_every_kind_of_record(tmp_path: Path) -> None:
    folder = tmp_path / "kinds.logarchive"
    archive = Archive(Clock(stable_uuid("kinds"), START))
    app = archive.process("/usr/libexec/daemon", 7)
    large = archive.library("/usr/lib/large", Placement.LARGE_SHARED_CACHE)
    far = archive.process("/usr/libexec/far", 8, strings_at=0x8000_1000)
    now = START + 5_000_000
    archive.signpost(
        app,
        now,
        "call",
        "call %d",
        (4,),
        kind="begin",
        scope="system",
        signpost_id=77,
        subsystem="s",
        category="c",
        library=large,
    )
    archive.activity(app, now, "outer", 0x10, library=large)
    archive.activity(far, now, "inner", 0x11, current=0x10, parent=0x10, creator=app)
    archive.activity(app, now, "swapped", 0x12, kind="swap", current=0x11)
    archive.activity(app, now, "tapped", 0, kind="user_action", current=0x11)
    archive.trace(app, now, "value %d of %llu", [(3, 4), (1 << 40, 8)])
    archive.loss(app, now, START, now, 63)
    archive.simpledump(app, now, "composed", subsystem="com.apple.x", level="error")
    archive.statedump(far, now, "State", b"", kind=2)
    archive.write(folder)
    columns = [
        "event",
        "pid",
        "message",
        "activity_id",
        "parent_activity_id",
        "signpost_name",
        "signpost_type",
        "signpost_scope",
        "loss_count",
    ]
    with open_trace(folder) as trace:
        frame = pl.concat([pl.DataFrame(batch) for batch in trace.batches("log")])
    rows = {row["event"] + str(row["message"])[:5]: row for row in frame.select(columns).iter_rows(named=True)}
    signpost = rows["signpostcall "]
    assert (signpost["signpost_name"], signpost["signpost_type"], signpost["signpost_scope"]) == (
        "call",
        "begin",
        "system",
    )
    assert rows["activityouter"]["activity_id"] == 0x10
    assert (rows["activityinner"]["activity_id"], rows["activityinner"]["parent_activity_id"]) == (0x11, 0x10)
    assert rows["activity_transitionswapp"]["activity_id"] == 0x12
    assert rows["user_actiontappe"]["message"] == "tapped"
    assert rows["tracevalue"]["message"] == "value 3 of 1099511627776"
    assert rows["losslost "]["loss_count"] == 63
    assert rows["logcompo"]["message"] == "composed"
    assert frame.height == 9
