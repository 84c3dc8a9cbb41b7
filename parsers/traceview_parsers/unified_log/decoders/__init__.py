"""Decoders: the text of values whose placeholder names a type, as in ``%{public,uuid_t}.16P``.

Families live in modules of their own and are imported when a format first asks for one of their names. Values of types
that nothing is known of print as their conversion says, and so do those of types that are labels (see `formats`): signposts'
metadata, and ``xcode:size-in-bytes`` and the like, by which Instruments shows a value and a log does not.
"""

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Final, cast

Decoder = Callable[[bytes | int], str | None]

_FAMILIES: Final = {
    "basic": "BOOL bool uuid uuid_t mask.hash bytes iec-bytes bitrate iec-bitrate",
    "system": "errno darwin.errno darwin.mode darwin.signal mach.errno odtypes:mach_error_t",
    "times": "time_t timespec timeval",
    "network": "in_addr in6_addr sockaddr network:in_addr network:in6_addr network:sockaddr network:tcp_flags "
    "network:tcp_state",
    "dns": "mdns:acceptable mdns:addrmv mdns:yesno mdns:dns.counts mdns:dns.idflags mdns:dnshdr mdns:gaiopts mdns:nreason "
    "mdns:protocol mdns:rrtype mdns:rd.svcb mdnsresponder:domain_name mdnsresponder:domain_label mdnsresponder:ip_addr "
    "mdnsresponder:mac_addr",
    "opendirectory": "odtypes:ODError odtypes:mbridtype odtypes:mbr_details odtypes:nt_sid_t",
    "location": "location:escape_only location:CLClientAuthorizationStatus location:CLClientInUseLevel "
    "location:CLClientLocationReferenceFrame location:CLClientLocationSuitability location:CLRegionState "
    "location:CLClientManager_Type::AuthorizationRequestType location:CLDaemonStatus_Type::Reachability "
    "location:CLDaemonStatus_Type::Battery location:IOMessage location:SqliteResult "
    "location:_CLClientManagerStateTrackerState location:_CLDaemonStatusStateTrackerState "
    "location:_CLLocationManagerStateTrackerState",
}

NAMES: Final = {name: family for family, names in _FAMILIES.items() for name in names.split()}
"""Every decoder's name and the module that holds it."""


def decode(name: str, value: bytes | int) -> str | None:
    """Return the text of `value` by the decoder `name` (what stands in the braces of the format).

    Args:
        name: As in `formats.Placeholder.decoder`; ``mask.hash`` for hashed private values (item type 0xf2).
        value: The item's bytes: number items as stored (little-endian), strings and data as they are; or an integer.

    Returns:
        None when there is no such decoder or the value does not fit it: print the raw value then. Some decoders have
        an Apple text for values that do not fit. No value raises.
    """
    if name not in NAMES:
        return None
    return _family(NAMES[name])[name](value)


@lru_cache
def _family(module: str) -> dict[str, Decoder]:
    return cast("dict[str, Decoder]", import_module(f"{__name__}.{module}").DECODERS)
