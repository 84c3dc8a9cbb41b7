"""Every input format that a story can be written in, and what the reader must be told beside the file."""

import gzip
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from generator import device, device_layouts, instruments, layouts, powerlog, sysdiagnose, tarball
from generator.story import Line, Story

Layout = Callable[[Sequence[Line], str], str]


@dataclass(frozen=True, slots=True)
class Carrier:
    """An input format.

    Attributes:
        name: As `VARIANTS` of the scenarios name it.
        title: For people.
        suffix: Of the file or folder.
        write: Writes a story to a path; returns the files.
        options: What the file does not say, as ``--date`` and ``--tz``.
        layout: Prints lines as text; None where the format is no text.
    """

    name: str
    title: str
    suffix: str
    write: Callable[[Story, Path], list[Path]]
    options: dict[str, str] = field(default_factory=dict)
    layout: Layout | None = None


def stem(path: Path) -> str:
    """Return a file's name without the suffixes of its format: ``story.ios26``."""
    return ".".join(path.name.split(".")[:2])


def _text(name: str, title: str, suffix: str, layout: Layout, **options: str) -> Carrier:
    def write(story: Story, path: Path) -> list[Path]:
        path.write_text(layout(story.lines(), stem(path)), encoding="utf-8", newline="\n")
        return [path]

    return Carrier(name, title, suffix, write, options, layout)


def _packed_archive(story: Story, path: Path) -> list[Path]:
    path.write_bytes(device.log_archive(story, stem(path)))
    return [path]


def _instruments(story: Story, path: Path) -> list[Path]:
    lines = story.lines()
    path.mkdir(exist_ok=True)
    texts = {
        "toc.xml": instruments.contents(story.os, story.start_ns, lines[-1].time_ns),
        "os-log.xml": instruments.table(lines, story.start_ns),
    }
    for name, text in texts.items():
        (path / name).write_text(text, encoding="utf-8", newline="\n")
    return [path / name for name in texts]


def _sysdiagnose(story: Story, path: Path) -> list[Path]:
    path.write_bytes(sysdiagnose.of_story(story, stem(path)))
    return [path]


def _powerlog(story: Story, path: Path) -> list[Path]:
    path.write_bytes(gzip.compress(powerlog.pack(story.os, story.start_ns, story.power), 9, mtime=0))
    return [path]


def _case(story: Story, path: Path) -> list[Path]:
    lines = story.lines()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        device.write_archive(story, stem(path), root / f"{stem(path)}.logarchive")
        (root / "powerlog_2026-01-15_09-12.PLSQL").write_bytes(powerlog.pack(story.os, story.start_ns, story.power))
        for name, text in story.reports.items():
            (root / name).write_text(text, encoding="utf-8", newline="\n")
        recording = root / "recording"
        recording.mkdir()
        texts = {
            "toc.xml": instruments.contents(
                story.os, story.start_ns, lines[-1].time_ns, "device-thermal-state-intervals"
            ),
            "thermal.xml": instruments.thermal(story.heat, story.start_ns),
        }
        for name, text in texts.items():
            (recording / name).write_text(text, encoding="utf-8", newline="\n")
        path.write_bytes(tarball.pack(root, stem(path), story.start + timedelta(hours=1)))
    return [path]


_DAY: Final = "2026-01-15"
_ZONE: Final = "+01:00"

CARRIERS: Final[dict[str, Carrier]] = {
    one.name: one
    for one in (
        _text("ndjson", "log show --style ndjson", ".ndjson", layouts.ndjson),
        _text("json", "log show --style json", ".json", layouts.json_array),
        _text("default", "log show", ".default.txt", layouts.default),
        _text("syslog", "log show --style syslog", ".syslog.txt", layouts.syslog),
        _text("compact", "log show --style compact", ".compact.txt", layouts.compact, tz=_ZONE),
        Carrier("logarchive", "log archive (tracev3)", ".logarchive.tar.gz", _packed_archive),
        Carrier("sysdiagnose", "sysdiagnose", ".sysdiagnose.tar.gz", _sysdiagnose),
        Carrier("xctrace", "Instruments (xctrace export)", ".xctrace", _instruments),
        _text("idevicesyslog", "idevicesyslog", ".idevicesyslog.txt", device_layouts.idevicesyslog, date=_DAY, tz=_ZONE),
        _text("old_relay", "idevicesyslog, old relay", ".old-relay.txt", device_layouts.old_relay, date=_DAY, tz=_ZONE),
        _text("pymobiledevice3", "pymobiledevice3", ".pymobiledevice3.txt", device_layouts.pymobiledevice3, tz=_ZONE),
        _text("pymobiledevice3_json", "pymobiledevice3, JSON", ".pymobiledevice3.json", device_layouts.pymobiledevice3_json, tz=_ZONE),
        _text("console", "Console.app copy", ".console.txt", device_layouts.console, date=_DAY),
        _text("console_columns", "Console.app copy, all columns", ".console-columns.txt", device_layouts.console_columns, date=_DAY),
        Carrier("powerlog", "PowerLog alone", ".PLSQL.gz", _powerlog),
        Carrier("case", "several files: log archive, PowerLog, report, Instruments", ".tar.gz", _case),
        _text("xcode", "Xcode console copy", ".xcode.txt", device_layouts.xcode),
    )
}  # fmt: skip
"""By name."""
