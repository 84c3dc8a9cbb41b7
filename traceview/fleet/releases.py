"""Releases of the system: one name for a version and its builds, wherever a capture tells only one of both.

Which version a build is, the fleet's own captures say: Apple publishes no list that could be shipped.
"""

from typing import Final

import polars as pl

BUILDS_NAMED: Final = 2
"""Builds of one version that are named; of more, how many."""
ALONE: Final = "build "
"""How a release is named of which the build alone is known."""


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


def release_names(captures: pl.DataFrame) -> dict[str, str]:
    """Return how each version of `captures` is named: ``26.2 (23C55)``, ``26.2 (3 builds)``, or itself without a build."""
    builds = (
        captures.drop_nulls(["os_version", "os_build"])
        .group_by("os_version")
        .agg(pl.col("os_build").unique().sort().alias("builds"))
    )
    return {version: _named(version, known) for version, known in builds.iter_rows()}


def _named(version: str, builds: list[str]) -> str:
    told = ", ".join(builds) if len(builds) <= BUILDS_NAMED else f"{len(builds):,} builds"
    return f"{version} ({told})"
