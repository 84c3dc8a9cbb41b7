"""From records to one tracev3 file: pages per process, pages into chunk sets, chunk sets under catalogs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from generator import tracev3
from generator.records import Record, Stream
from generator.tracev3 import CatalogProcess, Page, SubChunk

if TYPE_CHECKING:
    from generator.archive import Archive, Process

__all__ = ["Packing", "Stream", "pack"]


@dataclass(frozen=True, slots=True)
class Packing:
    """How a file is cut; the default is what devices do.

    Attributes:
        set_bytes: A chunk set is closed before it grows beyond this.
        sets_per_catalog: Chunk sets under one catalog.
        block_bytes: Cut a set into LZ4 blocks of this size; None = one block.
        stored: Which blocks stay uncompressed, in turn.
        page_seconds: A page is flushed when its first record is this much older than the next.
        collapsed: Remove the gap before private data.
        with_base: Give pages a base time (False as in the first minutes of a boot).
        lzbitmap: Sets as iOS 27 has them (stored chunks only).
        tight: Leave out the padding between chunks inside a set, as rarely seen.
    """

    set_bytes: int = 65_536
    sets_per_catalog: int = 8
    block_bytes: int | None = None
    stored: Sequence[bool] = (False,)
    page_seconds: float = 60.0
    collapsed: bool = True
    with_base: bool = True
    tight: bool = False
    lzbitmap: bool = False


@dataclass(slots=True)
class _Set:
    """A chunk set under construction: its bytes, and what the catalog must say of it."""

    content: bytearray = field(default_factory=bytearray)
    times: list[int] = field(default_factory=list)
    processes: dict["Process", set[int]] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Open:
    """A page being filled, with the records in it."""

    page: Page
    records: list[Record] = field(default_factory=list)


class _Writer:
    def __init__(self, packing: Packing) -> None:
        self.packing = packing
        self.sets: list[_Set] = [_Set()]

    def put(self, chunk: bytes, records: Sequence[Record]) -> None:
        padded = chunk if self.packing.tight else tracev3.pad(chunk)
        if self.sets[-1].content and len(self.sets[-1].content) + len(padded) > self.packing.set_bytes:
            self.sets.append(_Set())
        current = self.sets[-1]
        current.content += padded
        for record in records:
            current.times.append(record.ticks)
            current.processes.setdefault(record.process, set()).add(record.subsystem)


def pack(archive: "Archive", records: Sequence[Record], packing: Packing) -> bytes:
    """Return the tracev3 file of `records` (all of one stream)."""
    ordered = sorted(records, key=lambda record: record.ticks)
    writer = _fill(archive, ordered, packing)
    first = ordered[0].ticks
    numerator, denominator = archive.clock.timebase
    out = bytearray(
        tracev3.header(
            archive.clock,
            ticks=first,
            wall_ns=archive.clock.wall_start_ns + first * numerator // denominator,
            build=archive.build,
            hardware=archive.hardware,
            zone=archive.zone,
        )
    )
    for start in range(0, len(writer.sets), packing.sets_per_catalog):
        group = writer.sets[start : start + packing.sets_per_catalog]
        out += _catalog(archive, group)
        for one in group:
            content = bytes(one.content)
            if packing.lzbitmap:
                out += tracev3.stored_bitmap_set(content)
            else:
                out += tracev3.chunk_set(content, block_bytes=packing.block_bytes, stored=packing.stored)
    return bytes(out)


def _fill(archive: "Archive", ordered: Sequence[Record], packing: Packing) -> _Writer:
    writer = _Writer(packing)
    pages: dict[Process, _Open] = {}
    numerator, denominator = archive.clock.timebase
    patience = int(packing.page_seconds * 1e9) * denominator // numerator

    def flush(process: "Process") -> None:
        page = pages.pop(process)
        writer.put(page.page.encode(), page.records)

    for record in ordered:
        if record.chunk:
            writer.put(record.chunk, [record])
            continue
        if record.oversize:
            number, items, private = record.oversize
            chunk = tracev3.oversize(record.process.proc_id, record.ticks, number, items, private)
            writer.put(chunk, [record])
        for process in [one for one, page in pages.items() if record.ticks - page.records[0].ticks > patience]:
            flush(process)
        if record.process in pages and not pages[record.process].page.has_room(record.size, len(record.private)):
            flush(record.process)
        if record.process not in pages:
            base = record.ticks if packing.with_base else 0
            page = Page(record.process.proc_id, tracev3.STREAMS[record.stream], base, packing.collapsed)
            pages[record.process] = _Open(page)
        record.place(pages[record.process].page)
        pages[record.process].records.append(record)
    for process in list(pages):
        flush(process)
    return writer


def _catalog(archive: "Archive", group: Sequence[_Set]) -> bytes:
    used: dict[Process, set[int]] = {}
    for one in group:
        for process, numbers in one.processes.items():
            used.setdefault(process, set()).update(numbers)
    order = {process: index for index, process in enumerate(used)}
    entries = [_entry(archive, process, numbers) for process, numbers in used.items()]
    subs = [
        SubChunk(
            min(one.times),
            max(one.times),
            len(one.content),
            [order[process] for process in one.processes],
            [
                pair
                for process, numbers in one.processes.items()
                for pair, number in process.subsystems.items()
                if number in numbers
            ],
        )
        for one in group
    ]
    return tracev3.catalog(entries, subs, min(sub.start for sub in subs))


def _entry(archive: "Archive", process: "Process", numbers: set[int]) -> CatalogProcess:
    return CatalogProcess(
        process.proc_id,
        process.pid,
        process.uid,
        process.image.uuid,
        archive.images.dsc_uuid,
        [(image.load_address, image.text_size, image.uuid) for image in process.absolute.values()],
        [(number, *pair) for pair, number in process.subsystems.items() if number in numbers],
    )
