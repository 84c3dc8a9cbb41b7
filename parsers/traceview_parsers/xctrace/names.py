"""Tag names as small numbers, looked up by a hash of their bytes."""

import re
from typing import Any, Final

import numpy as np

from traceview_parsers.xctrace.digits import Longs, Words

_VALID: Final = re.compile(rb"[^\s\"'=<>/&]+")
_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)
_BELOW: Final = np.array([(1 << 8 * n) - 1 for n in range(9)], np.uint64)
_SLOTS: Final = 1 << 12
_MAX_NAMES: Final = 60_000
"""Apple documents some 240 types; a file with more names than this is not an export."""

INVALID: Final = 0
"""Code of whatever is no plain name."""


class Names:
    """Codes of tag names, from 1; equal for all blocks of a file."""

    def __init__(self) -> None:
        self.names: list[str] = [""]
        self._by_name: dict[bytes, int] = {}
        self._slots = np.zeros(_SLOTS, np.int64)
        self._hashes = np.zeros(1, np.uint64)

    def code(self, name: str) -> int:
        """Return the code of a name, -1 where no block had it so far."""
        return self._by_name.get(name.encode(), -1)

    def codes(self, data: bytearray, words: Words, starts: Longs, lengths: Longs) -> Longs:
        """Return the code of each name in `data`; `words` as in `digits.decimals`."""
        hashes = _hash(words, starts, lengths)
        slots = (hashes >> np.uint64(52)).astype(np.int64)
        codes = self._slots[slots]
        strange = np.flatnonzero(self._hashes[codes] != hashes)
        if strange.size:
            _, first, group = np.unique(hashes[strange], return_index=True, return_inverse=True)
            found = np.empty(len(first), np.int64)
            for number, one in enumerate(strange[first].tolist()):
                start = int(starts[one])
                name = bytes(data[start : start + int(lengths[one])])
                found[number] = self._add(name, hashes[one], int(slots[one]))
            codes[strange] = found[group]
        return codes

    def _add(self, name: bytes, digest: Any, slot: int) -> int:
        code = self._by_name.get(name)
        if code is None:
            if not _VALID.fullmatch(name) or len(self.names) >= _MAX_NAMES:
                return INVALID
            code = len(self.names)
            self.names.append(name.decode("utf-8", "replace"))
            self._by_name[name] = code
            self._hashes = np.append(self._hashes, digest)
        if not self._slots[slot]:
            self._slots[slot] = code
        return code


def _hash(words: Words, starts: Longs, lengths: Longs) -> Words:
    """Return a 64-bit hash of each name: its bytes, eight at a time, and its length."""
    lengths = np.maximum(lengths, 0)
    digest = (words[starts] & _BELOW[np.minimum(lengths, 8)]) * _MULTIPLIER
    rest = np.flatnonzero(lengths > 8)
    at = 8
    while rest.size:
        part = words[starts[rest] + at] & _BELOW[np.minimum(lengths[rest] - at, 8)]
        digest[rest] = ((digest[rest] >> np.uint64(29)) ^ digest[rest] ^ part) * _MULTIPLIER
        at += 8
        rest = rest[lengths[rest] > at]
    digest ^= lengths.astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
    return (digest ^ (digest >> np.uint64(31))) * _MULTIPLIER
