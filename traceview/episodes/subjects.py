"""Whom a line is about: the process it names, or the one that printed it.

Daemons speak about others; an app's own frameworks (UIKit, CallKit, AVFAudio, CoreAudio) speak about the app itself.
"""

from typing import Final

import polars as pl

NAME_LENGTH: Final = 16
"""CoreAudio and the kernel cut process names to 16 characters (``MobileJarvisNati``): names are compared that far."""

ANONYMOUS: Final = ""
"""Name of the process that prints lines of its own but shows neither name nor pid (a console copy without columns)."""

DAEMONS: Final = frozenset(
    {
        "CommCenter",
        "InCallService",
        "PerfPowerServices",
        "ReportCrash",
        "SpringBoard",
        "UserEventAgent",
        "WirelessRadioManagerd",
        "apsd",
        "assertiond",
        "audioaccessoryd",
        "audiomxd",
        "backboardd",
        "bluetoothd",
        "callservicesd",
        "coreaudiod",
        "dasd",
        "gamepolicyd",
        "heard",
        "kernel",
        "launchd",
        "locationd",
        "mediaserverd",
        "nehelper",
        "nesessionmanager",
        "osanalyticshelper",
        "powerd",
        "runningboardd",
        "symptomsd",
        "thermalmonitord",
        "useractivityd",
        "wifid",
    }
)
"""System processes whose lines are about others (or about the system), so an unnamed subject stays unknown."""

_DAEMONS: Final = pl.Series(sorted(DAEMONS)).implode()
_OWN_KINDS: Final = (
    "app.",
    "audio_session.",
    "background_task.",
    "call.",
    "network.",
    "ptt.",
    "push.",
    "process.state",
    "process.terminated",
)


def about(events: pl.DataFrame) -> pl.DataFrame:
    """Return ``about_pid``, ``about_bundle``, ``about_name``: the subject as each line gives it, all null if unknown."""
    kinds = events["kind"].unique().drop_nulls().to_list()
    own_kind = pl.col("kind").is_in([kind for kind in kinds if kind.startswith(_OWN_KINDS)])
    io_kind = pl.col("kind").is_in([kind for kind in kinds if kind.startswith("audio_io.")])
    named = pl.any_horizontal(pl.col("subject_pid", "bundle", "subject").is_not_null())
    by_itself = ~named & (io_kind | (own_kind & ~is_daemon()))
    # One step after the other: an expression that is used twice would be evaluated twice.
    told = events.select("pid", "process", "subject_pid", "bundle", "subject", by_itself.alias("by_itself"))
    nameless = pl.when(pl.col("pid").is_null()).then(pl.lit(ANONYMOUS))
    return told.select(
        pl.when("by_itself").then("pid").otherwise("subject_pid").alias("about_pid"),
        pl.col("bundle").alias("about_bundle"),
        pl.when("by_itself").then(pl.coalesce("process", nameless)).otherwise("subject").alias("about_name"),
    )


def is_daemon(column: str = "process") -> pl.Expr:
    """Expression: the process is one of `DAEMONS` (false for null)."""
    return pl.col(column).is_in(_DAEMONS).fill_null(value=False)


def short_name(column: str) -> pl.Expr:
    """Expression: the name as far as CoreAudio prints it, for comparisons."""
    return pl.col(column).str.slice(0, NAME_LENGTH)
