"""Rows and cells of a block, with every reference resolved."""

from typing import Any, Final

import numpy as np
from msgspec import Struct

from traceview_parsers.xctrace.definitions import NEGATIVE, NUMBER, OTHER, Definitions
from traceview_parsers.xctrace.digits import Longs, Mask, Words, decimals
from traceview_parsers.xctrace.markup import MAX_DEPTH
from traceview_parsers.xctrace.names import Names
from traceview_parsers.xctrace.scan import DEFINITION, MARGIN, REFERENCE, Tags, padded, scan

NOTHING: Final = -(1 << 62)
"""Target of an empty cell, and of a reference to nothing."""
_MINUS: Final = 45


class Faults(Struct):
    """What was wrong in a block: rows by reason, references by reason, with the first offset of each."""

    counts: dict[str, int]
    first: dict[str, int]

    def add(self, kind: str, offsets: Longs) -> None:
        """Count faults at these file offsets."""
        if len(offsets):
            self.first.setdefault(kind, int(offsets[0]))
            self.counts[kind] = self.counts.get(kind, 0) + len(offsets)


class Block(Struct):
    """One block of rows.

    Attributes:
        tags: Its tags.
        offset: File position of byte 0 of the data (margin included).
        target: What each tag stands for: its own index, or -1 - id of a definition in an earlier block, or `NOTHING`.
        value: Number in the text of each tag, as unsigned bits.
        form: `definitions.NUMBER`, `NEGATIVE` or `OTHER`.
        level: Depth of each tag below its row: cells have 1.
        cells: Tags of the cells, one row each row of the table.
        row: File position of each row.
        faults: What could not be read.
    """

    tags: Tags
    offset: int
    target: Longs
    value: Words
    form: Any
    level: Longs
    cells: Longs
    row: Longs
    faults: Faults


def read_block(rows: bytes, offset: int, columns: int, definitions: Definitions, names: Names) -> Block:
    """Read a block.

    Args:
        rows: Whole rows, as in the file.
        offset: Their position in the file.
        columns: Cells that a row must have.
        definitions: Definitions so far; those of this block are added.
        names: Codes of tag names.
    """
    tags = scan(padded(rows), names)
    faults = Faults({}, {})
    offset -= MARGIN
    opening = np.flatnonzero(~tags.close & ~tags.bad)
    value, form = _numbers(tags)
    target = _targets(tags, opening, definitions, offset, faults)
    made = opening[tags.kind[opening] == DEFINITION]
    refused = definitions.record(tags.number[made], tags.start[made] + offset, value[made], form[made], tags.code[made])
    faults.add("id-out-of-range", tags.start[made[-refused:]] + offset if refused else made[:0])
    cells, level, row = _cells(tags, opening, columns, offset, faults)
    return Block(tags, offset, target, value, form, level, cells, row + offset, faults)


def _numbers(tags: Tags) -> tuple[Words, Any]:
    """Return the integers in the texts of all tags, and the form of each value."""
    start, end = tags.text(np.arange(len(tags.start)))
    begin = np.flatnonzero((end > start) & ~tags.close)
    first = tags.words[start[begin]] & np.uint64(0xFF)
    minus = first == _MINUS
    read, good = decimals(tags.words, end[begin], end[begin] - start[begin] - minus)
    value = np.zeros(len(tags.start), np.uint64)
    form = np.full(len(tags.start), OTHER, np.uint8)
    negative = good & minus & (read <= np.uint64(1 << 63))
    positive = good & ~minus
    value[begin[positive]] = read[positive]
    value[begin[negative]] = np.uint64(0) - read[negative]
    form[begin[positive]] = NUMBER
    form[begin[negative]] = NEGATIVE
    return value, form


def _targets(tags: Tags, opening: Longs, definitions: Definitions, offset: int, faults: Faults) -> Longs:
    """Resolve references: to the last definition before, in this block or an earlier one, of the same name."""
    target = np.full(len(tags.start), NOTHING, np.int64)
    target[opening] = opening
    refs = opening[tags.kind[opening] == REFERENCE]
    if not refs.size:
        return target
    wanted = tags.number[refs]
    defined = opening[tags.kind[opening] == DEFINITION]
    local = _last_before(tags.number[defined], defined, wanted, refs)
    here = local >= 0
    known, same = definitions.known(wanted, tags.code[refs])
    found = np.where(here, local, np.where(known, -1 - wanted, NOTHING))
    alike = np.where(here, tags.code[np.maximum(local, 0)] == tags.code[refs], same)
    wrong = (here | known) & ~alike
    found[wrong] = NOTHING
    target[refs] = found
    faults.add("unknown-reference", tags.start[refs[~here & ~known]] + offset)
    faults.add("reference-to-other-type", tags.start[refs[wrong]] + offset)
    return target


def _last_before(ids: Longs, places: Longs, wanted: Longs, at: Longs) -> Longs:
    """Return for each wanted id, used at place `at`, the last place before that defines it, or -1."""
    if not ids.size:
        return np.full(len(wanted), -1, np.int64)
    low, high = int(ids.min()), int(ids.max())
    increasing = bool((np.diff(ids) > 0).all())
    if increasing and high - low < 8 * len(ids) + 1024:
        table = np.full(high - low + 2, -1, np.int64)
        table[ids - low] = places
        inside = (wanted >= low) & (wanted <= high)
        place = table[np.where(inside, wanted - low, high - low + 1)]
    else:
        order = np.lexsort((places, ids))
        pairs = np.array(
            list(zip(ids[order].tolist(), places[order].tolist(), strict=True)), [("id", "i8"), ("at", "i8")]
        )
        uses = np.array(list(zip(wanted.tolist(), at.tolist(), strict=True)), pairs.dtype)
        index = np.searchsorted(pairs, uses) - 1
        hit = (index >= 0) & (pairs["id"][index] == wanted)
        place = np.where(hit, pairs["at"][index], -1)
    return np.where(place < at, place, -1)


def _cells(tags: Tags, opening: Longs, columns: int, offset: int, faults: Faults) -> tuple[Longs, Longs, Longs]:
    """Return the cells of whole rows (rows by columns), the level of each tag, and the position of each row."""
    depth = np.cumsum(np.where(tags.close, -1, np.where(tags.empty | tags.bad, 0, 1)))
    starts, ends = tags.row_starts(), tags.row_ends()
    events = np.flatnonzero(starts | ends)
    opens = starts[events]
    paired = np.append(opens[:-1] & ~opens[1:], False)
    first, last = events[paired], events[1:][paired[:-1]]
    faults.add("damaged-row", tags.start[events[opens & ~paired]] + offset)
    sound = _sound(tags, depth, first, last)
    faults.add("damaged-row", tags.start[first[~sound]] + offset)
    first, last = first[sound], last[sound]
    # Which row each tag belongs to, by the rows' first tags.
    row = np.searchsorted(first, opening, "right") - 1
    inside = row >= 0
    inside &= (opening > first[row]) & (opening < last[row]) if len(first) else False
    within, row = opening[inside], row[inside]
    level = np.zeros(len(tags.start), np.int64)
    level[within] = depth[within] + tags.empty[within] - depth[first[row]]
    top = level[within] == 1
    counts = np.bincount(row[top], minlength=len(first))
    deep = np.bincount(row[level[within] > MAX_DEPTH], minlength=len(first)) > 0
    fits = (counts == columns) & ~deep
    faults.add("cells-do-not-fit", tags.start[first[~fits]] + offset)
    cells = within[top & fits[row]]
    return cells.reshape(-1, columns) if columns else np.zeros((0, 0), np.int64), level, tags.start[first[fits]]


def _sound(tags: Tags, depth: Longs, first: Longs, last: Longs) -> Mask:
    """Return which rows close at the level where they open, never go above it, and hold no bad tag."""
    if not first.size:
        return np.zeros(0, bool)
    bounds = np.stack([first, last], axis=1).ravel()
    lowest = np.minimum.reduceat(depth, bounds)[::2]
    bad = np.cumsum(tags.bad)
    level = (depth[last] == depth[first] - 1) & (lowest >= depth[first])
    sound: Mask = level & (bad[last] == bad[first]) & ~tags.empty[first]
    return sound
