"""A small PowerLog (SQLite), as far as a story fills one: who the device is, states of apps, calls.

Tables and columns: names of a real file of iPadOS 15; releases from 17 on add a retention suffix. Stamps run on PowerLog's own
clock, which `SHIFT_S` brings to wall time.
"""

import sqlite3
from typing import Final

from generator.story import SECOND, Generation

SHIFT_S: Final = 7_200.0
"""Wall time is a stamp plus this."""
Row = tuple[str | float | int | None, ...]

_TABLES: Final = {
    "PLConfigAgent_EventNone_Config": "timestamp REAL, Build TEXT, Device TEXT, DeviceBootTime REAL",
    "PLLocaleAgent_EventForward_TimeZone": "timestamp REAL, TimeZoneName TEXT, SecondsFromGMT INTEGER, TimeZoneIsInDST INTEGER",
    "PLApplicationAgent_EventNone_AllApps": "timestamp REAL, AppBundleId TEXT, AppName TEXT, AppExecutable TEXT, AppIs3rdParty INTEGER",
    "PLApplicationAgent_EventForward_Application": "timestamp REAL, Identifier TEXT, pid INTEGER, State INTEGER, Reason INTEGER",
    "PLXPCAgent_EventForward_InCallService": "timestamp REAL, bundleID TEXT, providerIdentifier TEXT, status TEXT, video INTEGER",
}
_FURTHER: Final = {
    "PLProcessMonitorAgent_EventForward_ProcessID": "timestamp REAL, PID INTEGER, ProcessName TEXT, BundleID TEXT, CoalitionID INTEGER",
    "PLAppTimeService_Aggregate_AppRunTime": "timestamp REAL, timeInterval REAL, BundleID TEXT, ScreenOnTime REAL, BackgroundTime REAL",
    "PLCoalitionAgent_EventInterval_CoalitionInterval": "timestamp REAL, timestampEnd REAL, BundleId TEXT, cpu_time REAL",
    "PLAudioAgent_EventForward_Routing": "timestamp REAL, Active INTEGER, ActivePID INTEGER, ActiveRoute TEXT, OutputCategory TEXT",
    "PLSpringBoardAgent_EventForward_SBLock": "timestamp REAL, Locked INTEGER",
    "PLScreenStateAgent_EventForward_ScreenState": "timestamp REAL, bundleID TEXT, ScreenWeight REAL",
    "PLXPCAgent_EventForward_ThermalLevel": "timestamp REAL, pressureLevel INTEGER, thermalLevel INTEGER",
    "PLBatteryAgent_EventBackward_Battery": "timestamp REAL, Level REAL, IsCharging INTEGER, ExternalConnected INTEGER",
}
"""Tables that a file has only where it fills them."""
_OFFSETS: Final = "PLStorageOperator_EventForward_TimeOffset"
_VERSION_AT: Final = 96
_VERSION: Final = (3_040_001).to_bytes(4, "big")


def stamp(time_ns: int) -> float:
    """Return the stamp of a moment on PowerLog's clock, in seconds."""
    return time_ns / SECOND - SHIFT_S


def pack(os: Generation, start_ns: int, rows: list[tuple[str, int, Row]]) -> bytes:
    """Return the file.

    Args:
        os: The release, whose build it states.
        start_ns: When the file begins.
        rows: Table, time (UTC nanoseconds) and the columns behind the stamp.
    """
    suffix = "_1_2" if os.ios >= 17 else ""
    first: list[tuple[str, int, Row]] = [
        ("PLConfigAgent_EventNone_Config", start_ns, (os.build, "D53gAP", stamp(start_ns) - 3_600)),
        ("PLLocaleAgent_EventForward_TimeZone", start_ns, ("Europe/Berlin", 3_600, 0)),
    ]
    database = sqlite3.connect(":memory:")
    database.execute(f"CREATE TABLE {_OFFSETS} (ID INTEGER PRIMARY KEY, timestamp REAL, system REAL)")
    database.execute(f"INSERT INTO {_OFFSETS} (timestamp, system) VALUES (?, ?)", (stamp(start_ns), SHIFT_S))  # noqa: S608
    used = {table for table, _, _ in rows}
    tables = _TABLES | {table: columns for table, columns in _FURTHER.items() if table in used}
    for table, columns in tables.items():
        database.execute(f"CREATE TABLE {table}{suffix} (ID INTEGER PRIMARY KEY, {columns})")
    for table, time_ns, values in [*first, *rows]:
        names = ", ".join(column.split()[0] for column in tables[table].split(", "))
        marks = ", ".join("?" * (len(values) + 1))
        database.execute(f"INSERT INTO {table}{suffix} ({names}) VALUES ({marks})", (stamp(time_ns), *values))  # noqa: S608
    database.commit()
    data = bytearray(database.serialize())
    database.close()
    data[_VERSION_AT : _VERSION_AT + 4] = _VERSION  # the library's own version: the file must not depend on it
    return bytes(data)
