"""Addresses and TCP state.

Layouts: ``sys/socket.h``, ``netinet/in.h`` and ``netinet/tcp_fsm.h`` of Apple's open-source kernel. Texts: string table
of the decoder in a real macOS 12 archive; ``flags=[SEC]`` and ``state=SYN_SENT`` stand in real lines of nw_protocol_tcp.
"""

import socket
import struct
from typing import Final

from traceview_parsers.unified_log.decoders.values import data, signed, unsigned

_AF_INET: Final = 2
_AF_INET6: Final = 30
_SOCKADDR_IN: Final = 16
_SOCKADDR_IN6: Final = 28
_TCP_STATES: Final = (
    "CLOSED",
    "LISTEN",
    "SYN_SENT",
    "SYN_RCVD",
    "ESTABLISHED",
    "CLOSE_WAIT",
    "FIN_WAIT_1",
    "CLOSING",
    "LAST_ACK",
    "FIN_WAIT_2",
    "TIME_WAIT",
)
_TCP_FLAGS: Final = "FSRP.UEC"  # from bit 0: FIN, SYN, RST, PUSH, ACK, URG, ECE, CWR


def in_addr(value: bytes | int) -> str | None:
    """IPv4 address in network byte order: ``127.0.0.1`` (os_log(3))."""
    raw = value if isinstance(value, bytes) else (value & 0xFFFFFFFF).to_bytes(4, "little")
    return socket.inet_ntop(socket.AF_INET, raw) if len(raw) == 4 else f"<fail decode - size> {len(raw)} != 4"


def in6_addr(value: bytes | int) -> str | None:
    """IPv6 address: ``fe80::f:86ff:fee9:5c16`` (os_log(3))."""
    raw = data(value)
    if raw is None:
        return None
    return socket.inet_ntop(socket.AF_INET6, raw) if len(raw) == 16 else f"<fail decode - size> {len(raw)} != 16"


def sockaddr(value: bytes | int) -> str | None:
    """Socket address: IPv4 ``address:port``, IPv6 ``address%scope.port``; a zero port or scope is left out."""
    raw = data(value)
    if raw is None:
        return None
    if not raw:
        return "<NULL>"
    if len(raw) < 2:
        return f"<fail decode - size> {len(raw)} < 2"
    if raw[1] == _AF_INET:
        return _ipv4(raw) if len(raw) >= _SOCKADDR_IN else f"<fail decode - size> {len(raw)} < {_SOCKADDR_IN}"
    if raw[1] == _AF_INET6:
        return _ipv6(raw) if len(raw) >= _SOCKADDR_IN6 else f"<fail decode - size> {len(raw)} < {_SOCKADDR_IN6}"
    return f"<fail decode - address family> {raw[1]}"


def tcp_flags(value: bytes | int) -> str | None:
    """Header flags: ``[S.]`` is SYN with ACK."""
    number = unsigned(value)
    if number is None:
        return None
    return f"[{''.join(letter for bit, letter in enumerate(_TCP_FLAGS) if number >> bit & 1)}]"


def tcp_state(value: bytes | int) -> str | None:
    """State of the connection: ``ESTABLISHED``."""
    number = signed(value)
    return _TCP_STATES[number] if number is not None and 0 <= number < len(_TCP_STATES) else None


def _ipv4(raw: bytes) -> str:
    (port,) = struct.unpack_from(">H", raw, 2)
    address = socket.inet_ntop(socket.AF_INET, raw[4:8])
    return f"{address}:{port}" if port else address


def _ipv6(raw: bytes) -> str:
    (port,) = struct.unpack_from(">H", raw, 2)
    (scope,) = struct.unpack_from("<I", raw, 24)
    address = socket.inet_ntop(socket.AF_INET6, raw[8:24])
    return f"{address}{f'%{scope}' if scope else ''}{f'.{port}' if port else ''}"


DECODERS: Final = {
    "in_addr": in_addr,
    "in6_addr": in6_addr,
    "sockaddr": sockaddr,
    "network:in_addr": in_addr,
    "network:in6_addr": in6_addr,
    "network:sockaddr": sockaddr,
    "network:tcp_flags": tcp_flags,
    "network:tcp_state": tcp_state,
}
