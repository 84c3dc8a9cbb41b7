"""Values of mDNSResponder.

Texts and their order: string table of the decoder in a real macOS 12 archive; numbers: RFC 1035, RFC 6895, the IANA
registry of record types, RFC 9460 for service bindings. Where a number was only seen elsewhere, its docstring says so.
"""

import socket
import struct
from collections.abc import Iterator
from typing import Final

from traceview_parsers.unified_log.decoders.dns_types import RECORD_TYPES
from traceview_parsers.unified_log.decoders.values import data, signed, unsigned

_OPCODES: Final = {0: "Query", 1: "IQuery", 2: "Status", 4: "Notify", 5: "Update", 6: "DSO"}
_FLAGS: Final = (
    (0x0400, "AA"),
    (0x0200, "TC"),
    (0x0100, "RD"),
    (0x0080, "RA"),
    (0x0040, "Z"),
    (0x0020, "AD"),
    (0x0010, "CD"),
)
_RESPONSES: Final = (
    *("NoError", "FormErr", "ServFail", "NXDomain", "NotImp", "Refused", "YXDomain", "YXRRSet", "NXRRSet", "NotAuth"),
    *("NotZone", "DSOTYPENI"),
)
_PROTOCOLS: Final = ("NULL-PROTO", "UDP", "TCP", "TLS", "HTTPS")
_REASONS: Final = ("none", "no-data", "nxdomain", "query-suppressed", "no-dns-service", "server error")
_OPTIONS: Final = (
    *("auth-tags", "need-encryption", "in-app-browser", "use-failover", "prohibit-encrypted-dns", "use-cache-only"),
)
_SERVICE_KEYS: Final = ("mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint", "dohpath")
_HEADER: Final = struct.Struct(">6H")
_MAX_LABEL: Final = 63


def acceptable(value: bytes | int) -> str | None:
    """``acceptable`` or ``unacceptable``."""
    return _either(value, "unacceptable", "acceptable")


def addrmv(value: bytes | int) -> str | None:
    """``add`` or ``rmv``."""
    return _either(value, "rmv", "add")


def yesno(value: bytes | int) -> str | None:
    """``yes`` or ``no``."""
    return _either(value, "no", "yes")


def counts(value: bytes | int) -> str | None:
    """Questions, answers, authorities, additionals in one 64-bit number: ``1/9/0/0``."""
    number = unsigned(value)
    return None if number is None else "/".join(str(number >> shift & 0xFFFF) for shift in (48, 32, 16, 0))


def idflags(value: bytes | int) -> str | None:
    """Identifier (upper half) and flags: ``id: 0xA501 (42241), flags: 0x0100 (Q/Query, RD, NoError)``."""
    number = unsigned(value)
    return None if number is None else _idflags(number >> 16 & 0xFFFF, number & 0xFFFF)


def dnshdr(value: bytes | int) -> str | None:
    """DNS message header of 12 bytes: identifier, flags and counts."""
    raw = data(value)
    if raw is None or len(raw) < _HEADER.size:
        return None
    identifier, flags, *numbers = _HEADER.unpack_from(raw)
    return f"{_idflags(identifier, flags)}, counts: {'/'.join(map(str, numbers))}"


def gaiopts(value: bytes | int) -> str | None:
    """Options of getaddrinfo: ``0x8 {use-failover}`` (real lines; the two last names from other public readers)."""
    number = unsigned(value)
    if number is None:
        return None
    names = [name for bit, name in enumerate(_OPTIONS) if number >> bit & 1]
    return f"0x{number:X} {{{', '.join(names)}}}"


def nreason(value: bytes | int) -> str | None:
    """Why an answer is negative: ``no-data``."""
    return _from(_REASONS, value)


def protocol(value: bytes | int) -> str | None:
    """Transport of a query: ``UDP``."""
    return _from(_PROTOCOLS, value)


def rrtype(value: bytes | int) -> str | None:
    """Record type: ``AAAA``; without a name ``TYPE12345``."""
    number = unsigned(value)
    return None if number is None else RECORD_TYPES.get(number, f"TYPE{number}")


def service_binding(value: bytes | int) -> str | None:
    """Data of an SVCB or HTTPS record in the presentation form of RFC 9460: ``1 . alpn="h2" ipv4hint="192.0.2.1"``."""
    raw = data(value)
    if raw is None or len(raw) < 3:
        return None
    (priority,) = struct.unpack_from(">H", raw)
    name = _name(raw, 2)
    if name is None:
        return None
    target, position = name
    parts = [f"{priority} {target}"]
    while position + 4 <= len(raw):
        key, size = struct.unpack_from(">HH", raw, position)
        position += 4
        if position + size > len(raw):
            return None
        parts.append(_parameter(key, raw[position : position + size]))
        position += size
    return " ".join(parts)


def domain_name(value: bytes | int) -> str | None:
    """A name in wire form (length-prefixed labels): ``example.com.``."""
    raw = data(value)
    if raw is None:
        return None
    if not raw:
        return "<NULL DOMAIN NAME>"
    name = _name(raw, 0)
    return None if name is None else name[0]


def domain_label(value: bytes | int) -> str | None:
    """One length-prefixed label."""
    raw = data(value)
    if not raw or raw[0] > _MAX_LABEL or raw[0] >= len(raw):
        return None
    return _escape(raw[1 : 1 + raw[0]])


def ip_addr(value: bytes | int) -> str | None:
    """An address of mDNSResponder: a 32-bit type (4 or 6), then 16 bytes (mDNSResponder, open source)."""
    raw = data(value)
    if raw is None or len(raw) < 8:
        return None
    if raw[0] == 4:
        return socket.inet_ntop(socket.AF_INET, raw[4:8])
    return socket.inet_ntop(socket.AF_INET6, raw[4:20]) if raw[0] == 6 and len(raw) >= 20 else None


def mac_addr(value: bytes | int) -> str | None:
    """Hardware address: ``00:1A:2B:3C:4D:5E``."""
    raw = data(value)
    return raw.hex(":").upper() if raw is not None and len(raw) == 6 else None


def _either(value: bytes | int, no: str, yes: str) -> str | None:
    number = signed(value)
    return None if number is None else yes if number else no


def _from(names: tuple[str, ...], value: bytes | int) -> str | None:
    number = signed(value)
    return names[number] if number is not None and 0 <= number < len(names) else None


def _idflags(identifier: int, flags: int) -> str:
    opcode, response = flags >> 11 & 0xF, flags & 0xF
    words = [f"{'R' if flags & 0x8000 else 'Q'}/{_OPCODES.get(opcode, f'OPCODE{opcode}')}"]
    words += [name for bit, name in _FLAGS if flags & bit]
    words.append(_RESPONSES[response] if response < len(_RESPONSES) else f"RCODE{response}")
    return f"id: 0x{identifier:04X} ({identifier}), flags: 0x{flags:04X} ({', '.join(words)})"


def _name(raw: bytes, position: int) -> tuple[str, int] | None:
    """Return (dotted name, position after it); None when a label runs over the end."""
    labels: list[str] = []
    while position < len(raw):
        size = raw[position]
        position += 1
        if not size:
            return "".join(f"{label}." for label in labels) or ".", position
        if size > _MAX_LABEL or position + size > len(raw):
            return None
        labels.append(_escape(raw[position : position + size]))
        position += size
    return None


def _escape(label: bytes) -> str:
    r"""Presentation form of a label (RFC 1035 section 5.1): dots and backslashes get one, control bytes are ``\DDD``."""
    text = label.decode("utf-8", "backslashreplace")
    return "".join(
        f"\\{mark}" if mark in ".\\" else mark if mark.isprintable() else f"\\{ord(mark):03d}" for mark in text
    )


def _parameter(key: int, raw: bytes) -> str:
    name = _SERVICE_KEYS[key] if key < len(_SERVICE_KEYS) else f"key{key}"
    if not raw:
        return name
    return f'{name}="{_parameter_value(name, raw)}"'


def _parameter_value(name: str, raw: bytes) -> str:
    if name == "port" and len(raw) == 2:
        return str(int.from_bytes(raw))
    if name == "mandatory" and len(raw) % 2 == 0:
        keys = struct.unpack(f">{len(raw) // 2}H", raw)
        return ",".join(_SERVICE_KEYS[key] if key < len(_SERVICE_KEYS) else f"key{key}" for key in keys)
    if name == "alpn":
        return ",".join(_strings(raw))
    family, size = {"ipv4hint": (socket.AF_INET, 4), "ipv6hint": (socket.AF_INET6, 16)}.get(name, (None, 1))
    if family is not None and len(raw) % size == 0:
        return ",".join(socket.inet_ntop(family, raw[at : at + size]) for at in range(0, len(raw), size))
    return raw.decode("ascii") if name == "dohpath" and raw.isascii() else raw.hex()


def _strings(raw: bytes) -> Iterator[str]:
    position = 0
    while position < len(raw):
        end = position + 1 + raw[position]
        yield _escape(raw[position + 1 : end])
        position = end


DECODERS: Final = {
    "mdns:acceptable": acceptable,
    "mdns:addrmv": addrmv,
    "mdns:yesno": yesno,
    "mdns:dns.counts": counts,
    "mdns:dns.idflags": idflags,
    "mdns:dnshdr": dnshdr,
    "mdns:gaiopts": gaiopts,
    "mdns:nreason": nreason,
    "mdns:protocol": protocol,
    "mdns:rrtype": rrtype,
    "mdns:rd.svcb": service_binding,
    "mdnsresponder:domain_name": domain_name,
    "mdnsresponder:domain_label": domain_label,
    "mdnsresponder:ip_addr": ip_addr,
    "mdnsresponder:mac_addr": mac_addr,
}
