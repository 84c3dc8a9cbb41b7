"""A data set in memory: each capture once, and only rows of captures that count."""

from pathlib import Path

import polars as pl
from msgspec import Struct, field

from traceview.fleet.dataset import read_table
from traceview.fleet.overlaps import CALL, FOUND, contained, overlapping
from traceview.fleet.places import told_apart
from traceview.fleet.planned import changed_since, unfinished
from traceview.fleet.releases import with_versions
from traceview.fleet.tables import ACCEPTED

FINDING_COLUMNS = ("capture", "rule", "number", "severity", "app", "title", "fingerprint", "confidence")


class Contents(Struct, frozen=True):
    """Tables of a data set; columns as in `traceview.fleet.tables.TABLES`.

    Attributes:
        captures: Captures that were analysed, each content once; those that tell a build alone with the version that others
            name for it. Those that share a name have it with the folders that tell them apart.
        duplicates: Captures that were left out because another one has the same bytes.
        failures: Captures that could not be analysed.
        exposure: Calls and time of each app.
        findings: Some columns (`FINDING_COLUMNS`).
        silent: Rules that could not be evaluated.
        by_build: Captures whose version is known by their build.
        accepted: How many findings of each capture and rule the configuration accepts, which `findings` lacks.
        unnamed: Captures of calls whose app is unknown, one row a call: they are in no exposure.
        contained: How many captures were left out because another one shows all that they do (`overlaps.contained`).
        within: Their names.
        overlapping: Captures that are left and show a call that another one shows too: its findings count in each.
        unfinished: Captures that were asked for and are not analysed yet.
        changed: Captures that hold something else since: what they held when they were analysed counts.
    """

    captures: pl.DataFrame
    duplicates: int
    failures: pl.DataFrame
    exposure: pl.DataFrame
    findings: pl.DataFrame
    silent: pl.DataFrame
    by_build: int = 0
    accepted: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ACCEPTED))
    unnamed: pl.Series = pl.Series("capture", [], dtype=pl.String())
    contained: int = 0
    within: tuple[str, ...] = ()
    overlapping: int = 0
    unfinished: int = 0
    changed: int = 0


def load(dataset: Path) -> Contents:
    """Read a data set. Raises InputError where it is none or is damaged."""
    everything = read_table(dataset, "captures").sort("name", "capture")
    identity = pl.coalesce("content", "capture")
    distinct = told_apart(everything.unique(identity, keep="first", maintain_order=True))
    calls = read_table(dataset, "calls", ("capture", *CALL)).join(distinct, on="capture", how="semi")
    exposure, silent = read_table(dataset, "exposure"), read_table(dataset, "rules_not_evaluated")
    findings, accepted = read_table(dataset, "findings", FINDING_COLUMNS), read_table(dataset, "findings_accepted")
    told = pl.concat([findings.select(FOUND), _one_by_one(accepted)])
    left_out = pl.col("capture").is_in(contained(_with_releases(distinct, exposure), calls, silent, told).implode())
    within = tuple(distinct.filter(left_out)["name"])
    captures, by_build = with_versions(distinct.filter(~left_out))

    def of_captures(table: pl.DataFrame) -> pl.DataFrame:
        return table.join(captures, on="capture", how="semi").sort("capture", maintain_order=True)

    shown = of_captures(calls)
    return Contents(
        captures=captures,
        duplicates=everything.height - distinct.height,
        failures=read_table(dataset, "failures").sort("path", "capture"),
        exposure=of_captures(exposure),
        findings=of_captures(findings),
        silent=of_captures(silent),
        accepted=of_captures(accepted),
        by_build=by_build,
        unnamed=shown.filter(pl.col("app").is_null())["capture"],
        contained=len(within),
        within=within,
        overlapping=overlapping(shown),
        unfinished=unfinished(dataset),
        changed=changed_since(dataset),
    )


def _one_by_one(accepted: pl.DataFrame) -> pl.DataFrame:
    """Return a row of `FOUND` for each finding that the configuration accepts: these are told as well."""
    nothing = pl.lit(None, pl.String)
    return accepted.select(
        "capture", "rule", nothing.alias("fingerprint"), nothing.alias("severity"), n="findings"
    ).select(pl.col(FOUND).repeat_by("n").explode())


def _with_releases(captures: pl.DataFrame, exposure: pl.DataFrame) -> pl.DataFrame:
    told = (
        exposure.drop_nulls("app_version")
        .sort("app")
        .select("capture", releases=pl.concat_str("app", "app_version", separator=" "))
    )
    return captures.join(told.group_by("capture").agg(pl.col("releases").str.join(", ")), on="capture", how="left")
