"""Values of Core Location. Its decoder prints JSON; slashes are escaped as Foundation does it.

Names and their order: string table of the decoder (``CLLogFormatter``) in a real macOS 12 archive. Layouts: libyal
dtformats, C alignment. Values outside a table print as the decoder's own ``decode failure`` object. Keys stand in the
order in which a real ``log show`` printed them (libyal dtformats).

``CLSubHarvesterIdentifier`` is left out: its numbers changed between releases.
"""

import struct
from collections.abc import Callable
from typing import Final

from traceview_parsers.json_text import json_string
from traceview_parsers.unified_log.decoders.location_names import (
    AUTHORIZATION_REQUESTS,
    IO_MESSAGES,
    SQLITE_EXTENDED,
    SQLITE_RESULTS,
)
from traceview_parsers.unified_log.decoders.values import data, signed, unsigned

_CHARGERS: Final = dict(enumerate(f"kChargerType{name}" for name in ("Unknown", "None", "Usb", "External", "Arcas")))
_REACHABILITY: Final = {
    0: "kReachabilityUnavailable",
    1: "kReachabilitySmall",
    2: "kReachabilityLarge",
    1000: "kReachabilityUnachievable",
}
_ENUMS: Final[dict[str, dict[int, str]]] = {
    "CLClientAuthorizationStatus": dict(
        enumerate(("NotDetermined", "Restricted", "Denied", "AuthorizedAlways", "AuthorizedWhenInUse"))
    ),
    "CLClientInUseLevel": dict(
        enumerate(
            (
                *("NotInUse", "IncidentalPresence", "PersistentPresence"),
                *("OngoingTransaction", "DecayingUserEngagement", "DirectUserEngagement"),
            )
        )
    ),
    "CLClientLocationReferenceFrame": dict(enumerate(("Unknown", "WGS84", "ChinaShifted"))),
    "CLClientLocationSuitability": {1: "RouteGuidance", 2: "Other", 0xFFFF: "Any"},
    "CLRegionState": dict(enumerate(("Unknown", "Inside", "Outside"))),
    "CLClientManager_Type::AuthorizationRequestType": dict(enumerate(AUTHORIZATION_REQUESTS)),
    "CLDaemonStatus_Type::Reachability": _REACHABILITY,
    "IOMessage": IO_MESSAGES,
}
_BATTERY: Final = struct.Struct("<d??xxi?7x")
_DAEMON: Final = struct.Struct("<24sIi????")
_CLIENT_MANAGER: Final = struct.Struct("<Ii")
_LOCATION_MANAGER: Final = struct.Struct("<dd5?3xd4?i?7xqi4?")
_LOCATION_MANAGER_MORE: Final = struct.Struct("<8?")
_LOCATION_MANAGER_NAMES: Final = (
    "distanceFilter",
    "desiredAccuracy",
    "updatingLocation",
    "requestingLocation",
    "requestingRanging",
    "updatingRanging",
    "updatingHeading",
    "headingFilter",
    "allowsLocationPrompts",
    "allowsAlteredAccessoryLocations",
    "dynamicAccuracyReductionEnabled",
    "previousAuthorizationStatusValid",
    "previousAuthorizationStatus",
    "limitsPrecision",
    "activityType",
    "pausesLocationUpdatesAutomatically",
    "paused",
    "allowsBackgroundLocationUpdates",
    "showsBackgroundLocationIndicator",
    "allowsMapCorrection",
    "batchingLocation",
    "updatingVehicleSpeed",
    "updatingVehicleHeading",
    "matchInfoEnabled",
    "groundAltitudeEnabled",
    "fusionInfoEnabled",
    "courtesyPromptNeeded",
    "isAuthorizedForWidgetUpdates",
)
_PRINTED_ORDER: Final = (
    *("previousAuthorizationStatusValid", "paused", "requestingLocation", "updatingVehicleSpeed", "desiredAccuracy"),
    *("allowsBackgroundLocationUpdates", "dynamicAccuracyReductionEnabled", "distanceFilter", "allowsLocationPrompts"),
    *("activityType", "groundAltitudeEnabled", "pausesLocationUpdatesAutomatically", "fusionInfoEnabled"),
    *("isAuthorizedForWidgetUpdates", "updatingVehicleHeading", "batchingLocation", "showsBackgroundLocationIndicator"),
    *("updatingLocation", "requestingRanging", "updatingHeading", "previousAuthorizationStatus", "allowsMapCorrection"),
    *("matchInfoEnabled", "allowsAlteredAccessoryLocations", "updatingRanging", "limitsPrecision"),
    *("courtesyPromptNeeded", "headingFilter"),
)


def escape_only(value: bytes | int) -> str | None:
    """A string as a JSON string; it ends at its first NUL."""
    raw = data(value)
    return None if raw is None else json_string(raw.partition(b"\0")[0].decode("utf-8", "replace"))


def sqlite_result(value: bytes | int) -> str | None:
    """SQLite result code of 4 bytes: ``"SQLITE_OK"`` (names and numbers: SQLite, Result and Error Codes)."""
    number = signed(value)
    if number is None:
        return None
    name = SQLITE_RESULTS.get(number) or SQLITE_EXTENDED.get(number)
    return json_string(name) if name else _failure("SqliteResult", number)


def battery(value: bytes | int) -> str | None:
    """State of the battery, 24 bytes."""
    raw = data(value)
    if raw is None or len(raw) < _BATTERY.size:
        return None
    level, charged, connected, charger, was_connected = _BATTERY.unpack_from(raw)
    return _object(
        {
            "wasConnected": was_connected,
            "charged": charged,
            "level": level,
            "connected": connected,
            "chargerType": _CHARGERS.get(charger, charger),
        }
    )


def daemon_state(value: bytes | int) -> str | None:
    """State of locationd, 36 or 40 bytes (``CLDaemonStatusStateTracker``)."""
    raw = data(value)
    if raw is None or len(raw) < _DAEMON.size:
        return None
    battery_data, reachability, thermal, airplane, saver, _push, restricted = _DAEMON.unpack_from(raw)
    head = _object({"thermalLevel": thermal, "reachability": _REACHABILITY.get(reachability, reachability)})
    tail = _object({"restrictedMode": restricted, "batterySaverModeEnabled": saver})
    return f'{head[:-1]},"airplaneMode":{_json(airplane)},"batteryData":{battery(battery_data)},{tail[1:]}'


def client_manager_state(value: bytes | int) -> str | None:
    """State of the client manager, 8 bytes (``CLClientManagerStateTracker``)."""
    raw = data(value)
    if raw is None or len(raw) < _CLIENT_MANAGER.size:
        return None
    status, restricted = _CLIENT_MANAGER.unpack_from(raw)
    return _object({"locationRestricted": bool(restricted & 1), "locationServicesEnabledStatus": status})


def location_manager_state(value: bytes | int) -> str | None:
    """State of a location manager, 64 or 72 bytes (``CLLocationManagerStateTracker``); newer layouts are not known."""
    raw = data(value)
    if raw is None:
        return None
    if len(raw) == _LOCATION_MANAGER.size:
        fields = _LOCATION_MANAGER.unpack(raw)
    elif len(raw) == _LOCATION_MANAGER.size + _LOCATION_MANAGER_MORE.size:
        fields = _LOCATION_MANAGER.unpack_from(raw) + _LOCATION_MANAGER_MORE.unpack_from(raw, _LOCATION_MANAGER.size)
    else:
        return None
    # The shorter layout ends before the later fields.
    state = dict(zip(_LOCATION_MANAGER_NAMES, fields, strict=False))
    return _object({name: state[name] for name in _PRINTED_ORDER if name in state})


def _enumeration(name: str, texts: dict[int, str], value: bytes | int) -> str | None:
    number = unsigned(value, 32)
    if number is None:
        return None
    return json_string(texts[number]) if number in texts else _failure(name, number)


def _failure(name: str, number: int) -> str:
    return _object({"type": "decode failure", "expected type": name, "raw value": number})


def _object(fields: dict[str, bool | float | str]) -> str:
    return f"{{{','.join(f'{json_string(name)}:{_json(value)}' for name, value in fields.items())}}}"


def _json(value: bool | float | str) -> str:  # noqa: FBT001 - a JSON value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json_string(value)
    return str(value) if isinstance(value, int) else f"{value:.17g}"


def _enumeration_decoder(name: str) -> Callable[[bytes | int], str | None]:
    texts = _ENUMS[name]
    return lambda value: _enumeration(name, texts, value)


DECODERS: Final = {
    "location:escape_only": escape_only,
    "location:SqliteResult": sqlite_result,
    "location:CLDaemonStatus_Type::Battery": battery,
    "location:_CLDaemonStatusStateTrackerState": daemon_state,
    "location:_CLClientManagerStateTrackerState": client_manager_state,
    "location:_CLLocationManagerStateTrackerState": location_manager_state,
    **{f"location:{name}": _enumeration_decoder(name) for name in _ENUMS},
}
