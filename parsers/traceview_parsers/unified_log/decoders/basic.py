"""Truth values, identifiers, masks and sizes: the types that os_log(3) documents."""

import base64
import uuid
from typing import Final

from traceview_parsers.unified_log.decoders.values import data, signed, unsigned

_DECIMAL: Final = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_BINARY: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_RATES: Final = ("bps", "kbps", "Mbps", "Gbps", "Tbps")
_BINARY_RATES: Final = ("bps", "Kibps", "Mibps", "Gibps", "Tibps")
_UUID_SIZE: Final = 16


def lower_bool(value: bytes | int) -> str | None:
    """``true`` or ``false`` (os_log(3))."""
    number = signed(value)
    return None if number is None else "true" if number else "false"


def upper_bool(value: bytes | int) -> str | None:
    """``YES`` or ``NO`` (os_log(3))."""
    number = signed(value)
    return None if number is None else "YES" if number else "NO"


def uuid_text(value: bytes | int) -> str | None:
    """A dashed upper-case UUID (os_log(3))."""
    raw = data(value)
    return str(uuid.UUID(bytes=raw)).upper() if raw is not None and len(raw) == _UUID_SIZE else None


def mask_hash(value: bytes | int) -> str | None:
    """A hashed private value: ``<mask.hash: 'base64'>``, empty ``<mask.hash: (null)>`` (libyal dtformats; real lines)."""
    raw = data(value)
    if raw is None:
        return None
    return f"<mask.hash: '{base64.b64encode(raw).decode()}'>" if raw else "<mask.hash: (null)>"


def decimal_bytes(value: bytes | int) -> str | None:
    """Bytes in powers of 1000: ``4.72 kB`` (os_log(3))."""
    return _scaled(unsigned(value), 1000, _DECIMAL)


def binary_bytes(value: bytes | int) -> str | None:
    """Bytes in powers of 1024: ``4.61 KiB`` (os_log(3))."""
    return _scaled(unsigned(value), 1024, _BINARY)


def decimal_rate(value: bytes | int) -> str | None:
    """A bit rate in powers of 1000: ``123 kbps`` (os_log(3))."""
    return _scaled(unsigned(value), 1000, _RATES)


def binary_rate(value: bytes | int) -> str | None:
    """A bit rate in powers of 1024: ``118 Kibps`` (os_log(3))."""
    return _scaled(unsigned(value), 1024, _BINARY_RATES)


def _scaled(number: int | None, base: int, units: tuple[str, ...]) -> str | None:
    """Show three digits at most; a number moves to the next unit at 1000 in either system, as macOS does."""
    if number is None:
        return None
    index = rest = 0
    while number >= 1000 and index < len(units) - 1:
        number, rest = divmod(number, base)
        index += 1
    hundredths = (rest * 100 + base // 2) // base
    if hundredths == 100:
        number, hundredths = number + 1, 0
    if not hundredths or number > 99:
        text = f"{number}"
    elif number > 9 or hundredths % 10 == 0:
        text = f"{number}.{hundredths // 10}"
    else:
        text = f"{number}.{hundredths:02d}"
    return f"{text} {units[index]}"


DECODERS: Final = {
    "BOOL": upper_bool,
    "bool": lower_bool,
    "uuid": uuid_text,
    "uuid_t": uuid_text,
    "mask.hash": mask_hash,
    "bytes": decimal_bytes,
    "iec-bytes": binary_bytes,
    "bitrate": decimal_rate,
    "iec-bitrate": binary_rate,
}
