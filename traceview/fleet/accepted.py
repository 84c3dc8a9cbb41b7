"""Findings that the configuration accepts: left out of every count, so that the page has to tell of them."""

from collections.abc import Mapping
from typing import Self

import polars as pl
from msgspec import Struct

from traceview.plots.text import plural


class Accepted(Struct, frozen=True):
    """What a baseline or suppressions leave out of a data set.

    Attributes:
        findings: How many findings.
        captures: In how many captures.
        rules: Rule → findings and captures, most captures first.
    """

    findings: int
    captures: int
    rules: Mapping[str, tuple[int, int]]

    @classmethod
    def of(cls, table: pl.DataFrame) -> Self:
        """Sum up the table ``findings_accepted``, which is empty in data sets that were made before there was one."""
        by_rule = (
            table.group_by("rule")
            .agg(pl.col("findings").sum(), pl.col("capture").n_unique().alias("captures"))
            .sort("captures", "findings", "rule", descending=[True, True, False])
        )
        rules = {rule: (findings, captures) for rule, findings, captures in by_rule.iter_rows()}
        return cls(int(table["findings"].sum()), table["capture"].n_unique(), rules)

    @property
    def told(self) -> str:
        """A sentence without its full stop; an empty text where nothing is accepted."""
        return _left_out(self.findings, self.captures) if self.findings else ""

    def of_rule(self, rule: str) -> str:
        """Return what is left out of one rule, in a few words; an empty text where nothing is."""
        if rule not in self.rules:
            return ""
        findings, captures = self.rules[rule]
        return f"{plural(findings, 'finding')} in {plural(captures, 'capture')}, left out"


def _left_out(findings: int, captures: int) -> str:
    are = "is" if findings == 1 else "are"
    return (
        f"{plural(findings, 'finding')} that the configuration accepts {are} left out, in {plural(captures, 'capture')}"
    )
