"""Events of all witnesses put together, and whom they name."""

from collections.abc import Mapping

import polars as pl

from traceview.signals.reports import report_events
from traceview.signals.vocabulary import EVENT_SCHEMA


def of_log_and_reports(of_log: pl.DataFrame, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return the events of the log and those of the table ``reports``, one behind the other (`EVENT_SCHEMA`)."""
    frames = [of_log.select(list(EVENT_SCHEMA))]
    if "reports" in tables:
        frames.append(report_events(tables["reports"]))
    return pl.concat(frames)


def by_time(events: pl.DataFrame) -> pl.DataFrame:
    """Return events in order; sorting by two columns and moving the others once takes half the memory."""
    order = events.select("time", "ref").with_row_index("row").sort("time", "ref", maintain_order=True)["row"]
    return events[order]


def private_share(events: pl.DataFrame) -> float | None:
    """Return the share of events with a withheld value, None where there are no events."""
    if events.is_empty():
        return None
    return float(events["message"].str.contains("<private>", literal=True).sum()) / events.height


def known_apps(episodes: Mapping[str, pl.DataFrame], events: pl.DataFrame) -> list[str]:
    """Return bundle ids that witnesses name, those with calls and audio first, Apple's last."""
    columns = [episodes[table]["app"] for table in ("calls", "pushes", "audio_sessions", "terminations", "app_states")]
    names = pl.concat([*columns, events["bundle"]]).drop_nulls().unique(maintain_order=True).to_list()
    return sorted(names, key=lambda name: name.startswith("com.apple."))


def by_relevance(apps: list[str], found: list[str | None]) -> list[str]:
    """Return apps, those first that `found` names, in its order."""
    first = [app for app in dict.fromkeys(found) if app in set(apps)]
    return [*first, *(app for app in apps if app not in set(first))]
