"""Find the process instance of a line that names a bundle or a name instead of a pid."""

from collections import defaultdict
from typing import Final, Literal

import polars as pl

from traceview.episodes import subjects
from traceview.episodes.intervals import NS

LAUNCH_LEAD_NS: Final = 10 * NS
"""A launch request names the bundle before the process has a pid: how far ahead its pid may appear (heuristic; Apple
allows a launch about 20 s, but a request is followed by its process within tens of milliseconds on real devices)."""


_DIRECTIONS: Final[tuple[tuple[Literal["backward", "forward"], str], ...]] = (
    ("backward", "_before"),
    ("forward", "_after"),
)


def resolve(events: pl.DataFrame, with_pid: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """Tell which instance each event is about.

    Args:
        events: Prepared events in time order.
        with_pid: Witness rows with ``boot``, ``pid`` and ``instance``.
        names: What `bundle_of_name` returned.

    Returns:
        The events with ``key_pid`` and ``key_instance``, or with ``alias``: a bundle (else a cut name) to which no pid
        belongs.
    """
    place = ["boot", "key_pid", "t", "ref"]
    by_line = with_pid.select("boot", key_pid="pid", t="t", ref="ref", key_instance="instance").unique(
        place, keep="last"
    )
    # Only the columns that tell who is meant: a join copies every column of its rows.
    rows = (
        events.select("boot", "t", "ref", "kind", "about_pid", "about_name", "about_bundle")
        .with_row_index("row")
        .with_columns(pl.col("about_pid").alias("key_pid"), subjects.short_name("about_name").alias("about_short"))
        .join(by_line, on=place, how="left", maintain_order="left")
        .join(names, left_on="about_short", right_on="short", how="left", maintain_order="left")
        .with_columns(pl.coalesce("about_bundle", "bundle_of_name").alias("about_bundle"))
    )
    known = _known(with_pid, names)
    for column, table in (("about_bundle", known["bundle"]), ("about_short", known["name"])):
        wanted = rows.filter(pl.col("key_pid").is_null() & pl.col(column).is_not_null())
        if wanted.is_empty():
            continue
        launch = pl.col("kind") == "process.launched"
        answer = _nearest(wanted.select("row", "boot", "t", launch.alias("launch"), alias=pl.col(column)), table)
        rows = (
            rows.join(answer, on="row", how="left", maintain_order="left")
            .with_columns(
                pl.coalesce("key_pid", "found_pid").alias("key_pid"),
                pl.coalesce("key_instance", "found_instance").alias("key_instance"),
            )
            .drop("found_pid", "found_instance")
        )
    alias = pl.when(pl.col("key_pid").is_null()).then(pl.coalesce("about_bundle", "about_short"))
    told = rows.select("about_bundle", "about_short", "key_pid", "key_instance", alias=alias)
    return events.with_columns(told.get_columns())


def bundle_of_name(events: pl.DataFrame) -> pl.DataFrame:
    """Cut process names (``short``) that go with exactly one bundle (``bundle_of_name``).

    Either a line says both, or the name is the bundle's last component.

    The second is Xcode's default (product name, blanks as hyphens); it counts only where no line says otherwise.
    """
    told = events.select(
        "about_bundle",
        subjects.short_name("about_name").alias("named"),
        subjects.short_name("process").alias("printer"),
    ).unique()
    said: dict[str, set[str]] = defaultdict(set)
    by_last: dict[str, set[str]] = defaultdict(set)
    shorts: set[str] = set()
    for bundle, named, printer in told.rows():
        shorts.update(short for short in (named, printer) if short is not None)
        if bundle is not None:
            by_last[bundle.split(".")[-1][: subjects.NAME_LENGTH].lower()].add(bundle)
        if bundle is not None and named is not None:
            said[named].add(bundle)
    for short in shorts - subjects.DAEMONS - said.keys():
        said[short] = by_last.get(short.replace(" ", "-").lower(), set())
    only = {short: next(iter(bundles)) for short, bundles in sorted(said.items()) if len(bundles) == 1}
    return pl.DataFrame(
        {"short": list(only), "bundle_of_name": list(only.values())},
        schema={"short": pl.String, "bundle_of_name": pl.String},
    )


def _known(with_pid: pl.DataFrame, names: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Instances by bundle and by cut name: ``boot``, ``alias``, ``pid``, ``instance``, ``first``, ``gone_at``."""
    key = ["boot", "pid", "instance"]
    lives = with_pid.group_by(key).agg(
        pl.col("t").min().alias("first"),
        pl.col("t").filter("gone").min().alias("gone_at"),
        pl.col("bundle").drop_nulls().unique(),
        subjects.short_name("name").drop_nulls().unique().alias("short"),
    )
    life = [*key, "first", "gone_at"]
    shorts = lives.select(*life, alias="short").explode("alias").drop_nulls("alias")
    said = lives.select(*life, alias="bundle").explode("alias").drop_nulls("alias")
    nameless = lives.filter(pl.col("bundle").list.len() == 0).select(*life, "short").explode("short")
    by_name = nameless.join(names, on="short").select(*life, alias="bundle_of_name").unique()
    return {"bundle": pl.concat([said, by_name]), "name": shorts}


def _nearest(wanted: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """The instance that began last before the line, else (or for a launch, or after its exit) the first one after it."""
    wanted, known = wanted.sort("t", "row"), known.sort("first", "pid", "instance")
    both = wanted
    for strategy, suffix in _DIRECTIONS:
        answer = wanted.join_asof(
            known, left_on="t", right_on="first", by=["boot", "alias"], strategy=strategy, check_sortedness=False
        )
        both = both.hstack(answer.select(pl.col("pid", "instance", "first", "gone_at").name.suffix(suffix)))
    ended = (pl.col("gone_at_before") < pl.col("t")).fill_null(value=False)
    soon = (pl.col("first_after") - pl.col("t") <= LAUNCH_LEAD_NS).fill_null(value=False)
    later = pl.col("pid_before").is_null() | (soon & (ended | pl.col("launch")))
    return both.select(
        "row",
        *(
            pl.when(later).then(pl.col(f"{name}_after")).otherwise(pl.col(f"{name}_before")).alias(f"found_{name}")
            for name in ("pid", "instance")
        ),
    )
