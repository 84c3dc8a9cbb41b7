"""Releases of the system: one name for a version and its builds, wherever a capture tells only one of both.

Which version a build is, the fleet's own captures say: Apple publishes no list that could be shipped.
"""

from typing import Final

import polars as pl

from traceview.fleet.order import ALONE, UNKNOWN, one_spelling

BUILDS_NAMED: Final = 2
"""Builds of one version that are named; of more, how many."""


def with_versions(captures: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Fill `os_name` and `os_version` of captures that tell their build alone, where others name one version for it.

    Args:
        captures: At least `os_name`, `os_version` and `os_build`.

    Returns:
        The same rows, and of how many the version was filled. A build for which two versions are named stays alone.
    """
    told = (
        captures.drop_nulls(["os_build", "os_version"])
        .group_by("os_build")
        .agg(
            pl.col("os_version").unique().alias("versions"),
            pl.col("os_name").drop_nulls().unique().alias("names"),
        )
        .filter(pl.col("versions").list.len() == 1)
        .select(
            "os_build",
            version=pl.col("versions").list.first(),
            system=pl.when(pl.col("names").list.len() == 1).then(pl.col("names").list.first()),
        )
    )
    alone = pl.col("os_version").is_null()
    joined = captures.join(told, on="os_build", how="left", maintain_order="left")
    filled = joined.select((alone & pl.col("version").is_not_null()).sum()).item()
    system = pl.when(alone).then(pl.coalesce("os_name", "system")).otherwise("os_name")
    named = joined.with_columns(os_name=system, os_version=pl.coalesce("os_version", "version"))
    return named.select(captures.columns), filled


def systems(captures: pl.DataFrame) -> pl.DataFrame:
    """Return ``capture``, ``system`` and ``os_version`` of each capture: its version, else its build, else ``unknown``.

    Versions of two systems have nothing in common but the number (iOS 15.1 and macOS 15.1). Where captures name several
    systems, ``system`` is the one of each, empty where it names none, and stands before its version. Else it is empty
    everywhere: captures that name no system are taken for one of the only system that is named.
    """
    told = captures.select(
        "capture",
        system=pl.col("os_name").fill_null("") if captures["os_name"].drop_nulls().n_unique() > 1 else pl.lit(""),
        version=pl.col("os_version"),
        build=pl.format(f"{ALONE}{{}}", "os_build"),
    )
    spelled = told.drop_nulls("version").select("system", "version").unique()
    names = [
        (system, version, shown)
        for (system,), own in spelled.group_by("system")
        for version, shown in one_spelling(own["version"].to_list()).items()
    ]
    shown = pl.DataFrame(names, schema={"system": pl.String, "version": pl.String, "shown": pl.String}, orient="row")
    named = pl.format("{} {}", "system", "shown").str.strip_chars_start(" ")
    return told.join(shown, on=["system", "version"], how="left", maintain_order="left").select(
        "capture", "system", os_version=pl.coalesce(named, "build", pl.lit(UNKNOWN))
    )


def release_names(captures: pl.DataFrame) -> dict[str, str]:
    """Return how each version of `systems` is named: ``26.2 (23C55)``, ``26.2 (3 builds)``, or itself without a build."""
    own = systems(captures).select("capture", release="os_version")
    builds = (
        captures.drop_nulls(["os_version", "os_build"])
        .join(own, on="capture")
        .group_by("release")
        .agg(pl.col("os_build").unique().sort().alias("builds"))
    )
    return {version: _named(version, known) for version, known in builds.iter_rows()}


def _named(version: str, builds: list[str]) -> str:
    told = ", ".join(builds) if len(builds) <= BUILDS_NAMED else f"{len(builds):,} builds"
    return f"{version} ({told})"
