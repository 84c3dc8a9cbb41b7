"""The device's connection to the push service."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import polars as pl

from traceview.rules import links
from traceview.rules.push_owner import VOIP, arrival, identified
from traceview.rules.registry import Finding, Inputs, Rule, Severity, Threshold
from traceview.rules.rows import at_least, duration, finding, name_of, plural, rows, seen, wanted, window_of

_CAUGHT_UP: Final = timedelta(seconds=60)
"""Pushes that waited come within this time of the connection being back (heuristic)."""


def _down(inputs: Inputs) -> Iterator[Finding]:
    limit = inputs.thresholds["gap"]
    pushes = [identified(inputs, row) for row in rows(inputs, "pushes", VOIP)]
    for row in rows(inputs, "network", pl.col("kind") == "push_channel_down"):
        window = window_of(inputs, row)
        if window is None or (window[1] - window[0]).total_seconds() <= limit:
            continue
        seconds = (window[1] - window[0]).total_seconds()
        late = [
            push
            for push in pushes
            if row["end"] is not None
            and timedelta(0) <= arrival(push) - row["end"] <= _CAUGHT_UP
            and wanted(inputs, push)
        ]
        whom = f"; {plural(len(late), 'VoIP push', 'VoIP pushes')} came right afterwards" if late else ""
        yield finding(
            "push-channel-down",
            "V10",
            Severity.medium if late else Severity.info,
            [*late, row] if late else [row],
            title=f"The device had no connection to the push service for {at_least(row)}{duration(seconds)}{whom}",
            explanation="While the connection is down no push arrives, whatever the server does: calls ring late or not at all. "
            + (
                f"What came for {name_of(late[0])} as the connection was back may have waited for it."
                if late
                else "No VoIP push is seen to have waited for it here."
            ),
            advice="Not a defect of the app. Let the server repeat the ringing by other means (apns-expiration 0 keeps stale calls "
            "from ringing), and show missed calls from the server's own list.",
            confidence=0.6,
            pattern="late" if late else "idle",
            measures={"down_s": seconds},
            window=window,
        )


RULES: Final = (
    Rule(
        id="push-channel-down",
        numbers=("V10",),
        title="No connection to the push service",
        severity=Severity.medium,
        why="No call can arrive while it is down.",
        fix="Nothing in the app; let the server cope with devices that cannot be reached.",
        needs="lines of apsd about its connection",
        can_run=seen("system.push_channel", by=("apsd",)),
        check=_down,
        thresholds=(Threshold("gap", 60.0, "s", "heuristic", "shorter gaps are not reported"),),
        links=(links.FORUM_PUSH_CHANNEL,),
    ),
)
