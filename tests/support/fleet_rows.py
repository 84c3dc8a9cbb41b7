"""What tests of batches ask of a data set."""

from pathlib import Path

from traceview.fleet.dataset import read_table


def kinds(out: Path) -> dict[str, str]:
    """Return the kind of each failure, by the name of the capture."""
    return {Path(row["path"]).stem: row["kind"] for row in read_table(out, "failures").iter_rows(named=True)}


def names(out: Path) -> list[str]:
    """Return the names of the captures that were analysed."""
    return sorted(read_table(out, "captures")["name"].to_list())
