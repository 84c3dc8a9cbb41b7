"""A story as a binary log archive: actors become processes, lines become tracepoints."""

import tempfile
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from generator import tarball
from generator.archive import Archive, Process
from generator.images import Image, Images, Placement, stable_uuid
from generator.packing import Stream
from generator.story import SECOND, Actor, Line, Story, library_path
from generator.timesync import Clock

_LARGE = frozenset({"MediaExperience", "AudioSession"})
"""Libraries that are given a place beyond 4 GiB of the shared cache, as some of a real device's are."""


def log_archive(story: Story, name: str) -> bytes:
    """Return a packed ``NAME.logarchive`` of `story`."""
    with tempfile.TemporaryDirectory() as scratch:
        write_archive(story, name, Path(scratch))
        return tarball.pack(Path(scratch), f"{name}.logarchive", story.start + timedelta(hours=1))


def write_archive(story: Story, name: str, folder: Path) -> None:
    """Write `story` into `folder` as a log archive, an hour into a boot; the shared cache is as old as the release."""
    images = Images(dsc_version=1 if story.os.ios < 15 else 2)
    lines = story.lines()
    for number, boot_ns in enumerate([story.start_ns - 3_600 * SECOND, *story.reboots]):
        clock = Clock(stable_uuid(f"boot {name} {number}" if number else f"boot {name}"), boot_ns, minutes_west=-60)
        archive = Archive(clock, images=images, build=story.os.build, hardware="D53gAP")
        of_boot = [line for line in lines if line.boot == number]
        record(archive, of_boot, lambda line: "special" if line.level in ("error", "fault") else "persist")
        archive.write(folder, first_file=1 + 100 * number)


def record(archive: Archive, lines: Sequence[Line], stream_of: Callable[[Line], Stream]) -> dict[Actor, Process]:
    """Write `lines` into `archive`; return the process of each actor.

    Errors and faults live in other files than the rest, with a time to live, as logd does it: `stream_of` decides.
    """
    processes: dict[Actor, Process] = {}
    for line in lines:
        if line.actor not in processes:
            processes[line.actor] = archive.process(line.actor.path, line.actor.pid, uid=line.actor.uid)
        stream = stream_of(line)
        archive.log(
            processes[line.actor],
            line.time_ns,
            line.text,
            line.arguments,
            subsystem=line.subsystem,
            category=line.category,
            level=line.level,
            tid=line.tid,
            library=_image(archive, line),
            ttl=14 if stream == "special" else None,
            stream=stream,
            keep_private=line.kept,
        )
    return processes


def _image(archive: Archive, line: Line) -> Image | None:
    if not line.library:
        return None
    if line.library.startswith("/private/var/containers"):
        return archive.library(line.library, Placement.ABSOLUTE)
    large = line.library in _LARGE and archive.images.dsc_version > 1
    placement = Placement.LARGE_SHARED_CACHE if large else Placement.SHARED_CACHE
    return archive.library(library_path(line.library), placement)
