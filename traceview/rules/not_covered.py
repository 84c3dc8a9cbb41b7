"""Patterns of the catalogue that no rule decides, and why: said in the reference instead of pretended."""

from typing import Final

from msgspec import Struct


class NotCovered(Struct, frozen=True):
    """A pattern without a rule.

    Attributes:
        number: Catalogue number.
        title: What it would look for.
        because: What no source tells, and what comes nearest.
    """

    number: str
    title: str
    because: str


NOT_COVERED: Final = (
    NotCovered(
        "V12",
        "Kept alive by a connection of its own instead of pushes",
        "no source tells which connection let an app run, and PowerLog adds its traffic up over long intervals; the wakes "
        "themselves are reported (wake-churn), and so is the traffic (background-network-use)",
    ),
    NotCovered(
        "B11",
        "Audio background mode declared, never audible",
        "neither a log nor a sysdiagnose holds the app's Info.plist, so what it declares is not known",
    ),
    NotCovered(
        "B12",
        "Local push connectivity on networks with internet",
        "no line is known that tells an active NEAppPushProvider and the network that it matched",
    ),
    NotCovered(
        "B13",
        "Worse than the version before",
        "one capture has no version to compare with; `traceview fleet report` compares versions over many captures, with "
        "intervals and corrected for many comparisons",
    ),
)
