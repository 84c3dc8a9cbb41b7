"""A story as a binary log archive: actors become processes, lines become tracepoints."""

from collections.abc import Callable, Sequence

from generator.archive import Archive, Process
from generator.images import Image, Placement
from generator.packing import Stream
from generator.story import Actor, Line, library_path

_LARGE = frozenset({"MediaExperience", "AudioSession"})
"""Libraries that are given a place beyond 4 GiB of the shared cache, as some of a real device's are."""


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
        )
    return processes


def _image(archive: Archive, line: Line) -> Image | None:
    if not line.library:
        return None
    if line.library.startswith("/private/var/containers"):
        return archive.library(line.library, Placement.ABSOLUTE)
    placement = Placement.LARGE_SHARED_CACHE if line.library in _LARGE else Placement.SHARED_CACHE
    return archive.library(library_path(line.library), placement)
