"""Write a ``.logarchive``: processes log, and the archive turns that into files.

    archive = Archive(Clock(boot_uuid, wall_start_ns))
    app = archive.process("/private/var/containers/Bundle/Application/…/AcmeVoIP.app/AcmeVoIP", pid=812)
    archive.log(app, time_ns, "Call %{public}@ in state %d", ("4711", 2), subsystem="com.acme.voip", category="call")
    archive.write(folder)

Times are UTC nanoseconds. With the default timebase 125/3 a whole microsecond since `Clock.wall_start_ns` survives exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from generator import records, values
from generator.images import Image, Images, Placement, stable_uuid
from generator.packing import Packing, Stream, pack
from generator.records import Record
from generator.timesync import Clock, timesync
from generator.values import Argument, Item


@dataclass(slots=True, eq=False)
class Process:
    """A process of the boot; `proc_id` is the pair that names it inside tracev3 files."""

    path: str
    pid: int
    uid: int
    image: Image
    proc_id: tuple[int, int]
    subsystems: dict[tuple[str, str], int] = field(default_factory=dict)
    absolute: dict[str, Image] = field(default_factory=dict)
    oversized: int = 0

    @property
    def name(self) -> str:
        """Last component of the path."""
        return self.path.rpartition("/")[2]

    def subsystem_id(self, subsystem: str, category: str) -> int:
        """Return the number that records use; 0 where there is no subsystem."""
        if not subsystem:
            return 0
        return self.subsystems.setdefault((subsystem, category), len(self.subsystems) + 1)


class Archive:
    """One boot of one device. Several boots share `images` and are written with different first file numbers."""

    def __init__(
        self,
        clock: Clock,
        *,
        images: Images | None = None,
        build: str = "23C55",
        hardware: str = "D93AP",
        zone: str = "Europe/Berlin",
    ) -> None:
        self.clock = clock
        self.images = images or Images()
        self.build = build
        self.hardware = hardware
        self.zone = zone
        self.records: list[Record] = []
        self._processes: list[Process] = []

    def process(
        self, path: str, pid: int, *, uid: int = 501, uuid: UUID | None = None, strings_at: int | None = None
    ) -> Process:
        """Start a process; a relaunch is a second process with the same path."""
        image = self.images.get(path, Placement.MAIN_EXE, uuid=uuid, strings_at=strings_at)
        number = len(self._processes) + 1
        made = Process(path, pid, uid, image, (1000 + number, 3000 + number))
        self._processes.append(made)
        return made

    def library(
        self,
        path: str,
        placement: Placement = Placement.SHARED_CACHE,
        *,
        uuid: UUID | None = None,
        strings_at: int | None = None,
    ) -> Image:
        """Return a library; system libraries lie in the shared cache, an app's own frameworks elsewhere."""
        return self.images.get(path, placement, uuid=uuid, strings_at=strings_at)

    def log(
        self,
        process: Process,
        time_ns: int,
        text: str,
        arguments: Sequence[Argument] = (),
        *,
        subsystem: str = "",
        category: str = "",
        level: str = "default",
        tid: int = 0x1F03,
        library: Image | None = None,
        activity: int = 0,
        ttl: int | None = None,
        stream: Stream = "persist",
        dynamic: bool = False,
        oversize: bool | None = None,
        keep_private: bool = False,
        items: Sequence[Item] | None = None,
        backtrace: bytes = b"",
    ) -> Record:
        """Log a message.

        Args:
            process: Who logs.
            time_ns: UTC nanoseconds.
            text: Format string.
            arguments: Its arguments.
            subsystem: Subsystem, or empty.
            category: Category.
            level: default, info, debug, error or fault.
            tid: Thread.
            library: Image that holds the format, where it is not the process itself.
            activity: Activity that the thread is in, 0 for none.
            ttl: Days to keep, or None.
            stream: Kind of file that takes it.
            dynamic: The format is ``%s`` and not stored; only the image is.
            oversize: Keep the arguments apart; None = where they are large.
            keep_private: Store private values, as a device with private data logging does.
            items: Data items in place of those that `text` and `arguments` give.
            backtrace: Backtrace bytes in front of the values (see `records.backtrace`).
        """
        parts = values.items(text, arguments, keep_private=keep_private) if items is None else list(items)
        encoded, private = values.encode(parts, backtrace)
        large = len(encoded) > records.OVERSIZE_FROM if oversize is None else oversize
        reference = records.reference(library or process.image, text, dynamic=dynamic)
        number = process.subsystem_id(subsystem, category)
        self._adopt(process, library)
        record = Record(process, self.clock.ticks(time_ns), stream, tid)
        if large:
            process.oversized += 1
            record.oversize = (process.oversized, encoded, private)
            private = b""
        records.finish_log(
            record, reference, records.LEVELS[level], (encoded, private),
            activity=activity, subsystem=number, ttl=ttl, backtrace=bool(backtrace),
        )  # fmt: skip
        return self._add(record)

    def signpost(
        self,
        process: Process,
        time_ns: int,
        name: str,
        text: str = "",
        arguments: Sequence[Argument] = (),
        *,
        kind: str = "event",
        scope: str = "process",
        signpost_id: int = 0xEEEEB0B5B2B2EEEE,
        subsystem: str = "",
        category: str = "",
        tid: int = 0x1F03,
        library: Image | None = None,
        activity: int = 0,
        stream: Stream = "signpost",
        keep_private: bool = False,
    ) -> Record:
        """Emit a signpost; `kind` is begin, end or event, `scope` thread, process or system."""
        encoded, private = values.encode(values.items(text, arguments, keep_private=keep_private))
        image = library or process.image
        number = process.subsystem_id(subsystem, category)
        self._adopt(process, library)
        record = Record(process, self.clock.ticks(time_ns), stream, tid)
        records.finish_signpost(
            record, records.reference(image, text), records.reference(image, name),
            records.SCOPES[scope] | records.SIGNPOSTS[kind], (encoded, private),
            activity=activity, subsystem=number, signpost_id=signpost_id,
        )  # fmt: skip
        return self._add(record)

    def activity(
        self,
        process: Process,
        time_ns: int,
        text: str,
        new: int,
        *,
        kind: str = "create",
        current: int = 0,
        parent: int = 0,
        creator: Process | None = None,
        tid: int = 0x1F03,
        library: Image | None = None,
    ) -> Record:
        """Create (or swap to, or name the user action of) an activity."""
        self._adopt(process, library)
        record = Record(process, self.clock.ticks(time_ns), "persist", tid)
        records.finish_activity(
            record, records.reference(library or process.image, text), records.ACTIVITIES[kind],
            current=current, creator=creator.proc_id[0] if creator else 0, parent=parent, new=new,
        )  # fmt: skip
        return self._add(record)

    def trace(
        self, process: Process, time_ns: int, text: str, numbers: Sequence[tuple[int, int]] = (), *, tid: int = 0x1F03
    ) -> Record:
        """Write a legacy trace record; `numbers` are (value, size in bytes: 4 or 8)."""
        record = Record(process, self.clock.ticks(time_ns), "persist", tid)
        records.finish_trace(record, records.reference(process.image, text), numbers)
        return self._add(record)

    def loss(
        self, process: Process, time_ns: int, start_ns: int, end_ns: int, count: int, *, stream: Stream = "persist"
    ) -> Record:
        """Say that `count` messages between two times were lost (63 = at least 63)."""
        record = Record(process, self.clock.ticks(time_ns), stream, 0x1F03)
        records.finish_loss(record, self.clock.ticks(start_ns), self.clock.ticks(end_ns), count)
        return self._add(record)

    def statedump(
        self,
        process: Process,
        time_ns: int,
        title: str,
        data: bytes,
        *,
        kind: int = 1,
        library: str = "",
        decoder: str = "",
        activity: int = 0,
        stream: Stream = "special",
    ) -> Record:
        """Dump state; `kind` is 1 property list, 2 protocol buffer, 3 decoded by `library`'s `decoder`."""
        record = Record(process, self.clock.ticks(time_ns), stream, 0)
        records.finish_statedump(
            record, process.image.uuid, (library, decoder, title), data, activity=activity, kind=kind
        )
        return self._add(record)

    def simpledump(
        self,
        process: Process,
        time_ns: int,
        message: str,
        *,
        subsystem: str = "",
        level: str = "default",
        tid: int = 0x1F03,
    ) -> Record:
        """Write a message composed beforehand, as launchd and the kernel do early in a boot."""
        record = Record(process, self.clock.ticks(time_ns), "persist", tid)
        records.finish_simpledump(
            record, (process.image.uuid, self.images.dsc_uuid), records.LEVELS[level], subsystem, message
        )
        return self._add(record)

    def write(self, folder: Path, *, packing: Packing | None = None, first_file: int = 1) -> list[Path]:
        """Write images, timesync and tracev3 files into `folder`; return the tracev3 files."""
        self.images.write(folder)
        (folder / "timesync").mkdir(parents=True, exist_ok=True)
        (folder / "timesync" / f"{first_file + 1:016x}.timesync").write_bytes(timesync([self.clock]))
        written = []
        for stream in ("persist", "special", "signpost", "highvolume", "live"):
            chosen = [record for record in self.records if record.stream == stream]
            if not chosen:
                continue
            name = "HighVolume" if stream == "highvolume" else stream.capitalize()
            file = folder / name / f"{first_file:016x}.tracev3"
            if stream == "live":
                file = folder / "logdata.LiveData.tracev3"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(pack(self, chosen, packing or Packing()))
            written.append(file)
        return written

    def _adopt(self, process: Process, library: Image | None) -> None:
        if library is not None and library.placement is Placement.ABSOLUTE:
            process.absolute[library.path] = library

    def _add(self, record: Record) -> Record:
        self.records.append(record)
        return record


def new_archive(name: str, wall_start_ns: int, *, images: Images | None = None) -> Archive:
    """Return an archive whose boot UUID depends on `name` alone."""
    return Archive(Clock(stable_uuid(name), wall_start_ns), images=images)
