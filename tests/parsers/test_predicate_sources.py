"""Predicates on whole logs: rows of a narrowed read are those that a filter of all rows keeps, and when a log ends."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from generator.archive import Archive
from generator.images import Images, stable_uuid
from generator.timesync import Clock

from traceview_parsers import open_trace
from traceview_parsers.predicate import parse
from traceview_parsers.selection import EVERYTHING, Clause, Selection
from traceview_parsers.time_order import by_time, end_of

START = 1_768_469_400_000_000_000
SECOND = 1_000_000_000
PREDICATES = [
    'process == "kernel" AND messageType >= error',
    "NOT (process == 'kernel' OR eventType == logEvent)",
    "messageType IN {default, fault} AND NOT subsystem BEGINSWITH 'com.apple.'",
    "eventMessage CONTAINS[cd] 'ERROR' OR category LIKE '*n*'",
    "eventMessage LIKE '*state*' AND processImagePath BEGINSWITH '/usr/'",
    r"eventMessage MATCHES '.*\\b[0-9]{3}\\b.*'",
    "eventType != logEvent",
    "s=com.apple.network|com.apple.runningboard OR pid=0|1 AND type=default",
    "subsystem == NULL AND activityIdentifier != 0",
    "threadIdentifier > 0x1000 AND senderImagePath ENDSWITH 'xpc.dylib'",
    "formatString CONTAINS '%{public}' AND userID != 0",
    "signpostType == begin OR signpostName != NULL",
    "category IN {'default', 'connection'} OR FALSEPREDICATE",
]
OPTIONS = Selection((Clause(levels=frozenset({"default", "error", None}), words=frozenset({"e"})),))


def refs(batches: Iterator[Any]) -> list[int]:
    return [ref for batch in batches for ref in batch.column("ref").to_pylist()]


@pytest.fixture(scope="module")
def macos(real: Path) -> Iterator[Any]:
    with open_trace(real / "logarchive" / "macos12.logarchive.tar.gz") as trace:
        yield trace


@pytest.fixture(scope="module")
def whole(macos: Any) -> Any:
    return pa.Table.from_batches(list(by_time(macos.sources_of("log")))).combine_chunks().to_batches()


@pytest.mark.parametrize("text", PREDICATES)
@pytest.mark.parametrize("options", [EVERYTHING, OPTIONS])
def test_a_real_archive(macos: Any, whole: Any, text: str, options: Selection) -> None:
    predicate = parse(text)
    narrowed = map(predicate.filter, by_time(macos.sources_of("log"), predicate.narrow(options)))
    expected = [ref for batch in whole for ref in predicate.filter(options.filter(batch)).column("ref").to_pylist()]
    assert refs(narrowed) == expected
    assert expected or "signpost" in text or options is OPTIONS
    assert len(expected) < sum(batch.num_rows for batch in whole)


def test_when_a_real_archive_ends(macos: Any, whole: Any) -> None:
    last = max(pc.max(batch.column("time").cast(pa.int64())).as_py() for batch in whole)
    assert end_of(macos.sources_of("log")) == last


@pytest.mark.parametrize("text", PREDICATES)
def test_real_texts(real: Path, text: str) -> None:
    predicate = parse(text)
    with open_trace(real / "log_text") as trace:
        sources = trace.sources_of("log")
        found = refs(predicate.filter(batch) for batch in by_time(sources, predicate.narrow(EVERYTHING)))
        assert found == refs(predicate.filter(batch) for batch in by_time(sources))


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Synthetic: two boots, ten seconds of messages each."""
    images = Images()
    for number, name in enumerate(("first", "second")):
        begin = START + number * 3_600 * SECOND
        one = Archive(Clock(stable_uuid(name), begin), images=images)
        for place, program in enumerate(("/usr/libexec/acmed", "/Applications/Acme.app/Acme")):
            process = one.process(program, 50 + place)
            for second in range(1, 6):
                time = begin + (2 * second + place) * SECOND
                level = ("default", "info", "error")[second % 3]
                one.log(
                    process,
                    time,
                    "%{public}s tick %d",
                    ("é", second),
                    level=level,
                    subsystem=f"com.acme.{place}",
                    category="c",
                )
        one.write(tmp_path / "two.logarchive", first_file=1 + 10 * number)
    return tmp_path / "two.logarchive"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("p=acmed", 10),
        ("processImagePath ENDSWITH '.app/Acme' AND type=error", 4),
        ("s:acme.1 AND m:'tick 3'", 2),
        ("eventMessage LIKE[d] 'e tick ?'", 20),
        (f"bootUUID == '{stable_uuid('second')}' AND eventType == logEvent", 10),
        (f"date > '@{START // SECOND + 3_600}' AND eventType = logEvent AND pid=51", 5),
        ("eventType == timesyncEvent", 2),
        ("messageType != error AND subsystem != NULL", 12),
        ("formatString CONTAINS 'public' AND NOT m:'tick 1'", 16),
    ],
)
def test_a_synthetic_archive(archive: Path, text: str, count: int) -> None:
    predicate = parse(text)
    with open_trace(archive) as trace:
        sources = trace.sources_of("log")
        found = refs(map(predicate.filter, by_time(sources, predicate.narrow(EVERYTHING))))
        assert found == refs(map(predicate.filter, by_time(sources)))
    assert len(found) == count


def test_the_end_of_a_log_and_of_a_boot(archive: Path, samples: Path) -> None:
    with open_trace(archive) as trace:
        sources = trace.sources_of("log")
        assert end_of(sources) == START + 3_611 * SECOND
        assert end_of(sources, frozenset({str(stable_uuid("first")).upper()})) == START + 11 * SECOND
        assert end_of(sources, frozenset({"none"})) is None
    with open_trace(samples / "push-never-reported.ios26.ndjson") as trace:
        times = trace.table("log").column("time").cast(pa.int64())
        assert end_of(trace.sources_of("log")) == pc.max(times).as_py()


def test_a_catalog_that_is_wrong_does_not_decide_the_end(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_trace(archive) as trace:
        (source,) = trace.sources_of("log")
        for wrong in (START - 10 * SECOND, START + 3_700 * SECOND, 2**63 - 1, -(2**63)):
            monkeypatch.setattr(type(source), "end_ns", lambda _, __, end=wrong: end)
            assert end_of([source]) == START + 3_611 * SECOND
