"""Record batches of ``log`` from decoded fields."""

from functools import partial
from typing import Any, Final

import numpy as np
import pyarrow as pa
from msgspec import Struct

from traceview_parsers.schema import ARGUMENTS_FIELD, REF_POSITION_BITS, SCHEMAS, TIME
from traceview_parsers.unified_log import columns, firehose
from traceview_parsers.unified_log.catalog import Catalog
from traceview_parsers.unified_log.chunksets import Batch
from traceview_parsers.unified_log.dumps import SimpleDumps, StateDumps
from traceview_parsers.unified_log.firehose import Fields, Tracepoints
from traceview_parsers.unified_log.interning import Array
from traceview_parsers.unified_log.packing import Packing
from traceview_parsers.unified_log.prefilter import Known
from traceview_parsers.unified_log.timesync import Clock

OFFSET_BITS: Final = 21
"""A row's position is the number of its chunk set in the archive, then its place in the set in units of 8 bytes."""

_ACTIVITY_ID: Final = np.uint64((1 << 63) - 1)
"""The top bit of activity ids is a mark, not part of the number."""


class Load(Struct):
    """A batch with all that is known of it.

    Attributes:
        batch: The decompressed sets, or parts of sets.
        origins: Position in the archive at which each of them begins: see `OFFSET_BITS`.
        serials: Serial of each set's catalog, uint64.
        catalogs: Those catalogs, in order.
        clock: Clock of its boot.
        boot_uuid: Dashed, upper case.
    """

    batch: Batch
    origins: Array
    serials: Array
    catalogs: list[Catalog]
    clock: Clock
    boot_uuid: str

    def positions(self, at: Array) -> Array:
        """Return the positions in the archive of records at these ascending byte positions of the batch."""
        borders = np.searchsorted(at, self.batch.starts)
        base = self.origins - (self.batch.starts[:-1] >> 3)
        positions: Array = np.repeat(base, np.diff(borders)) + (at >> 3)
        return positions


class Found(Struct):
    """What tracepoints refer to; arrays of one element a tracepoint.

    Attributes:
        process: Process number.
        site: Row of the call sites.
        pair: Row of the subsystem pairs, -1 none.
        level: Index into `schema.LEVELS`, -1 null.
        event: Index into `schema.EVENTS`.
        name: Number of the signpost's name, -1 none.
    """

    process: Array
    site: Array
    pair: Array
    level: Array
    event: Array
    name: Array

    def take(self, rows: Array) -> "Found":
        """Return some of them."""
        return Found(**{name: getattr(self, name).take(rows) for name in self.__struct_fields__})


class RowBuilder:
    """Builds record batches; knows the dictionaries.

    Args:
        source_index: Number of the source.
        known: What the archive's records refer to.
        packing: Whether the batches are packed (see `traceview_parsers.packed`), and with what.
    """

    def __init__(self, source_index: int, known: Known, packing: Packing | None = None) -> None:
        self._ref = source_index << REF_POSITION_BITS
        self._known = known
        self._packing = packing

    def tracepoints(self, load: Load, points: Tracepoints, fields: Fields, found: Found, messages: Any) -> Any:
        """Return the rows of tracepoints."""
        uint = pa.uint64()
        activity = points.kind == firehose.ACTIVITY
        aid = np.where(activity, fields.created, fields.current) & _ACTIVITY_ID
        values = {
            **self._common(load, points.at, points.ticks, found.process),
            "tid": columns.fixed(points.thread, uint),
            "message": messages,
            "activity_id": columns.fixed(aid, uint, aid > 0),
            "ttl": columns.fixed(fields.ttl.view(np.int64), pa.int64()),
        }
        if activity.any():
            parent, creator = fields.other & _ACTIVITY_ID, np.where(activity, fields.current, 0) & _ACTIVITY_ID
            values["parent_activity_id"] = columns.fixed(parent, uint, parent > 0)
            values["creator_activity_id"] = columns.fixed(creator, uint, creator > 0)
        signpost = points.kind == firehose.SIGNPOST
        if signpost.any():
            values["signpost_id"] = columns.fixed(fields.signpost, uint, signpost)
        if self._packing is None:
            values |= self._site(points, found)
        else:
            some = partial(self._some_sites, points, found)
            values["site"] = self._packing.sites(points.head, found.site, found.pair, found.name, some)
        return self._batch(points.at.size, values)

    def _some_sites(self, points: Tracepoints, found: Found, rows: Array) -> dict[str, Any]:
        return self._site(points.take(rows), found.take(rows))

    def _site(self, points: Tracepoints, found: Found) -> dict[str, Any]:
        """Return the columns that the call sites of tracepoints decide on."""
        sites, processes = self._known.sites, self._known.processes
        pairs = processes.pairs
        values = {
            **self._image("sender", found.site, sites.table["image"]),
            "sender_offset": columns.fixed(sites.table["offset"].take(found.site), pa.uint64()),
            "subsystem": columns.named(_pick(pairs["subsystem"], found.pair), processes.subsystems.array()),
            "category": columns.named(_pick(pairs["category"], found.pair), processes.categories.array()),
            "level": columns.named(found.level, columns.LEVEL_NAMES),
            "event": columns.named(found.event, columns.EVENT_NAMES, None),
            "format": columns.named(sites.table["format"].take(found.site), sites.formats.array()),
            # Format reference, flags, log type and record type: the first eight bytes as they are.
            "trace_id": columns.fixed(points.head, pa.uint64()),
        }
        signpost = points.kind == firehose.SIGNPOST
        if signpost.any():
            shown = np.where(signpost, points.level, 0)
            values["signpost_name"] = columns.named(found.name, sites.names.array())
            values["signpost_type"] = columns.named(columns.SIGNPOST_TYPE_OF.take(shown), columns.SIGNPOST_TYPES)
            values["signpost_scope"] = columns.named(columns.SIGNPOST_SCOPE_OF.take(shown), columns.SIGNPOST_SCOPES)
        return values

    def losses(self, load: Load, points: Tracepoints, process: Array) -> Any:
        """Return the rows of loss records; `process` is their process, which stands for the one that lost."""
        words = load.batch.words
        start, end = (words.take((points.at >> 3) + 3 + place) for place in range(2))
        count = self.loss_counts(load, points.at)
        # Wording as in Apple's tools, read in dtformats' output; 63 is the most that the counter holds.
        messages = [
            f"lost >={lost} unreliable messages from {first}-{last} (Mach continuous exact start-approx. end)"
            for first, last, lost in zip(start.tolist(), end.tolist(), count.tolist(), strict=True)
        ]
        values = {
            **self._common(load, points.at, points.ticks, process),
            "tid": columns.fixed(points.thread, pa.uint64()),
            "event": "loss",
            "message": pa.array(messages, pa.large_string()),
            "loss_count": columns.fixed(count.view(np.int64), pa.int64()),
            "trace_id": columns.fixed(points.head, pa.uint64()),
        }
        return self._batch(points.at.size, values)

    def loss_counts(self, load: Load, at: Array) -> Array:
        """Return the number of lost messages of the loss records at these positions, uint64."""
        return load.batch.words.take((at >> 3) + 5)

    def simple_dumps(
        self, load: Load, at: Array, origin: tuple[Array, Array], dumps: SimpleDumps, messages: Any
    ) -> Any:
        """Return the rows of simple dumps; `origin` is the process and the image row of each."""
        process, image = origin
        subsystems = self._known.processes.subsystems
        subsystem = dumps.subsystems(subsystems)

        def site(rows: Array) -> dict[str, Any]:
            return {
                **self._image("sender", image[rows]),
                "sender_offset": columns.fixed(dumps.offset[rows], pa.uint64()),
                "subsystem": columns.named(subsystem[rows], subsystems.array()),
                "level": columns.named(columns.LEVEL_OF.take(dumps.level[rows]), columns.LEVEL_NAMES),
                "event": "log",
            }

        values = {
            **self._common(load, at, dumps.ticks, process),
            "tid": columns.fixed(dumps.thread, pa.uint64()),
            "message": messages,
            "ttl": 0,
        }
        if self._packing is None:
            values |= site(np.arange(at.size))
        else:
            values["site"] = self._packing.dumped_sites(dumps.offset, image, dumps.level, subsystem, site)
        return self._batch(at.size, values)

    def state_dumps(self, load: Load, at: Array, process: Array, dumps: StateDumps, image: Array) -> Any:
        """Return the rows of state dumps; `image` is the image row of each."""
        aid = dumps.activity & _ACTIVITY_ID
        texts = [text.encode("utf-8", "replace") for text in dumps.messages()]
        values = {
            **self._common(load, at, dumps.ticks, process),
            **self._image("sender", image),
            "event": "state",
            "message": columns.text(pa.array(texts, pa.large_binary())),
            "activity_id": columns.fixed(aid, pa.uint64(), aid > 0),
        }
        return self._batch(at.size, values)

    def _common(self, load: Load, at: Array, ticks: Array, process: Array) -> dict[str, Any]:
        """Return the columns that every row has."""
        wall, sane = load.clock.to_ns(ticks)
        position = load.positions(at)
        values = {
            "ref": columns.fixed(position + self._ref, pa.uint64()),
            "time": columns.fixed(wall, TIME, sane),
            "mach_time": columns.fixed(ticks, pa.uint64()),
        }
        if self._packing is not None:
            make = partial(self._program, load.boot_uuid)
            return {**values, "program": self._packing.programs(load.boot_uuid, process, make)}
        values["time_how"] = columns.named(np.where(sane, 0, 1), columns.TIMES_HOW, None)
        return values | self._program(load.boot_uuid, process)

    def _program(self, boot_uuid: str, process: Array) -> dict[str, Any]:
        """Return the columns that the process decides on."""
        known = self._known
        known.name_processes()
        table = known.processes.table
        present = process > 0
        return {
            "boot_uuid": boot_uuid,
            **self._image("process", process, np.array(known.process_images, np.int32)),
            "pid": columns.fixed(table["pid"].take(process), pa.int64(), present),
            "uid": columns.fixed(table["uid"].take(process), pa.int64(), present),
        }

    def _batch(self, rows: int, values: dict[str, Any]) -> Any:
        """Return a record batch; columns that are not given are null."""
        if self._packing is not None:
            return self._packing.batch(rows, values)
        return columns.batch(SCHEMAS["log"], rows, values)

    def _image(self, what: str, rows: Array, image: Array | None = None) -> dict[str, Any]:
        """Return the columns that tell an image: its name, path and UUID; image row 0 is the unknown one.

        Args:
            what: Of whom it is the image: ``process`` or ``sender``.
            rows: For each row whose image it has: a row of `image`, or, without it, of the table of images.
            image: Image rows.
        """
        images = self._known.images
        found = {}
        for suffix, column, names in (
            ("", "name", images.names),
            ("_path", "path", images.paths),
            ("_uuid", "uuid", images.uuids),
        ):
            numbers = images.table[column]
            if image is not None:
                numbers = numbers.take(image)
            found[what + suffix] = columns.named(
                numbers.take(rows), names.array(), "negative" if numbers.min(initial=0) < 0 else None
            )
        return found


def with_arguments(batch: Any, arguments: Any) -> Any:
    """Return the batch with the ``arguments`` column behind its others."""
    return pa.RecordBatch.from_arrays([*batch.columns, arguments], schema=batch.schema.append(ARGUMENTS_FIELD))


def levels_and_events(points: Tracepoints) -> tuple[Array, Array]:
    """Return (index into `schema.LEVELS` or -1, index into `schema.EVENTS`) of tracepoints."""
    kind = points.kind.astype(np.int64)
    both = kind * 256 + points.level
    return columns.LEVEL_BY_KIND.take(both), columns.EVENT_OF.take(both)


def _pick(values: Array, rows: Array) -> Array:
    """Return the values at these rows, -1 where a row is -1."""
    picked: Array = np.append(values, values.dtype.type(-1)).take(rows)  # index -1 is the last element
    return picked
