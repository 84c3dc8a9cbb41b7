"""Shared-cache strings (dsc) files: the format strings of all libraries of one shared cache."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

SIGNATURE: Final = b"hcsd"


@dataclass(frozen=True, slots=True)
class Entry:
    """One library: its path, UUID, text window in the cache, and its strings at their place in the cache."""

    path: str
    uuid: UUID
    text_offset: int
    text_size: int
    strings_offset: int
    strings: bytes


def encode(entries: Sequence[Entry], *, version: int = 2) -> bytes:
    """Return the file; version 1 (to iOS 14, macOS 11) has 32-bit offsets, version 2 has 64-bit ones."""
    ranged = [(index, entry) for index, entry in enumerate(entries) if entry.strings]
    descriptor, uuid_descriptor = (16, 28) if version == 1 else (24, 32)
    strings_at = 16 + descriptor * len(ranged) + uuid_descriptor * len(entries)
    paths_at = strings_at + sum(len(entry.strings) for _, entry in ranged)
    out = bytearray(struct.pack("<4s2H2I", SIGNATURE, version, 0, len(ranged), len(entries)))
    for index, entry in ranged:
        size = len(entry.strings)
        if version == 1:
            out += struct.pack("<4I", index, entry.strings_offset, strings_at, size)
        else:
            out += struct.pack("<Q2IQ", entry.strings_offset, strings_at, size, index)
        strings_at += size
    for entry in entries:
        shape = "<2I16sI" if version == 1 else "<QI16sI"
        out += struct.pack(shape, entry.text_offset, entry.text_size, entry.uuid.bytes, paths_at)
        paths_at += len(entry.path.encode()) + 1
    out += b"".join(entry.strings for _, entry in ranged)
    out += b"".join(entry.path.encode() + b"\0" for entry in entries)
    return bytes(out)
