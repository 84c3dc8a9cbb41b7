"""What a rule and a finding are, and where rules are registered."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from enum import IntEnum
from hashlib import blake2b
from typing import Any

import polars as pl
from msgspec import Struct, field
from msgspec.structs import force_setattr

from traceview.episodes.schema import Episodes
from traceview.rules.quotes import Quote, settled
from traceview.witness.schema import WITNESS_SCHEMA


class Severity(IntEnum):
    """How bad a finding is; the order is the exit code of ``--fail-on`` above 10."""

    info = 0
    low = 1
    medium = 2
    high = 3
    critical = 4


class Threshold(Struct, frozen=True):
    """A figure that a rule compares with, overridable in the configuration."""

    name: str
    default: float
    unit: str
    source: str
    """Document or report that gives the figure, or ``heuristic``."""
    meaning: str


class Finding(Struct, frozen=True):
    """Something wrong (or worth knowing), with its proof.

    Attributes:
        rule: Slug of the rule.
        number: Catalogue number, or None.
        severity: How bad.
        app: Bundle id, else process name, else None.
        start: Begin of the window, UTC.
        end: End of the window, UTC, or None where the capture ends first.
        title: One sentence with numbers.
        explanation: What happened and why it matters here.
        advice: What to change.
        evidence: Identities (`ref`) of the rows that prove it, earliest first.
        confidence: 0 to 1.
        episodes: Ids of the episodes it rests on.
        pattern: What makes two findings the same across captures (no times, no pids); part of the fingerprint.
        measures: Figures for tables and fleets; keys end in their unit (``_s``, ``_count``).
        given: Severity that the rule gave, where the configuration put another in its place; else None.
        quotes: What its sentences quote from the capture, and where (`rows.shown`).
        known_as: Fingerprint that it had before private values were taken out of it; empty where it is as it was found.
    """

    rule: str
    number: str | None
    severity: Severity
    app: str | None
    start: datetime | None
    end: datetime | None
    title: str
    explanation: str
    advice: str
    evidence: tuple[int, ...]
    confidence: float = 1.0
    episodes: tuple[str, ...] = ()
    pattern: str = ""
    measures: Mapping[str, float] = field(default_factory=dict)
    given: Severity | None = None
    quotes: tuple[Quote, ...] = ()
    known_as: str = ""

    def __post_init__(self) -> None:
        """Take the marks of quotes out of the sentences, and note where they stood."""
        found: list[Quote] = []
        for name in ("title", "explanation", "advice", "pattern"):
            sentence, quotes = settled(getattr(self, name), name)
            if quotes:
                force_setattr(self, name, sentence)
                found += quotes
        if found:
            force_setattr(self, "quotes", tuple(quote for quote in found if quote.field != "pattern"))

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits, equal for the same trouble of the same app in any capture."""
        if self.known_as:
            return self.known_as
        text = "\0".join((self.rule, self.app or "", self.pattern))
        return blake2b(text.encode(), digest_size=8).hexdigest()


class NotEvaluated(Struct, frozen=True):
    """A rule that could not speak because its inputs are absent.

    Attributes:
        rule: Slug of the rule, or name of the package whose rules could not be loaded.
        number: Catalogue number, or None.
        title: What it would look for.
        needs: What it needs, in words; or what else kept it from running.
        lacks: Sources that would let it run (values of `lacking.Source`); empty: it ran into something else.
    """

    rule: str
    number: str | None
    title: str
    needs: str
    lacks: tuple[str, ...] = ()


class ClockStep(Struct, frozen=True):
    """The wall clock was set.

    Attributes:
        time: When, UTC; a log archive tells it by the clock before the step.
        by_s: By how many seconds, with its sign.
        ref: Row that tells it, or None where it stands in no row.
    """

    time: datetime
    by_s: float
    ref: int | None = None


class CaptureFacts(Struct, frozen=True):
    """What is known of the capture itself, for the rules about evidence quality. Unknown facts are None.

    Attributes:
        taken: When the capture was taken, UTC.
        first: First time that any log source covers, UTC.
        lost_messages: Messages that the device itself reports as lost.
        private_share: Share (0 to 1) of the recognised lines whose message holds ``<private>``.
        os_build: Build such as ``22F76`` or ``23A5276f``.
        model: Model identifier such as ``iPhone16,1``.
        simulator: Whether the log comes from a simulator.
        clock_step_s: Largest step by which the wall clock was set, as a source tells it, with its sign; 0: it was not.
        clock_steps: Each time that it was set, where a source tells the moment.
        clock_offset_s: Largest measured disagreement of two sources about the time of one fact; 0: none was found.
        powerlog_lite: Whether PowerLog recorded in Lite mode; None without a PowerLog.
        powerlog_lacks: Tables about apps and calls that the PowerLog does not have.
    """

    taken: datetime | None = None
    first: datetime | None = None
    lost_messages: int | None = None
    private_share: float | None = None
    os_build: str | None = None
    model: str | None = None
    simulator: bool | None = None
    clock_step_s: float | None = None
    clock_steps: tuple[ClockStep, ...] = ()
    clock_offset_s: float | None = None
    powerlog_lite: bool | None = None
    powerlog_lacks: tuple[str, ...] = ()


class Inputs(Struct, frozen=True):
    """What a rule sees.

    Attributes:
        episodes: All episode tables, of all apps: calls and states of others are context. Findings about apps that the
            user did not ask for are dropped afterwards.
        kinds: Event kinds that occurred in the capture, for `Rule.needs`.
        witnesses: Processes that printed at least one line in the capture (any line, not only recognised ones).
        thresholds: Values of this rule's thresholds by name.
        capture_end: Last time that any source covers, or None.
        apps: Bundle ids or process names that the user asked for; empty: all third-party apps.
        facts: What is known of the capture itself.
        windows: What PowerLog, Instruments and reports measured (`WITNESS_SCHEMA`): CPU, network, pushes, hangs.
        memo: What several checks derive from the tables, computed once; shared by all rules of one evaluation.
    """

    episodes: Episodes
    kinds: frozenset[str]
    witnesses: frozenset[str]
    thresholds: Mapping[str, float]
    capture_end: datetime | None = None
    apps: frozenset[str] = frozenset()
    facts: CaptureFacts = field(default_factory=CaptureFacts)
    windows: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=WITNESS_SCHEMA))
    memo: dict[object, Any] = field(default_factory=dict)


Check = Callable[[Inputs], Iterable[Finding]]


class Rule(Struct, frozen=True):
    """Metadata of a rule and its check.

    Attributes:
        id: Slug such as ``push-unreported``.
        numbers: Catalogue numbers that it covers.
        title: What it looks for.
        severity: Worst severity that it can give.
        why: Why it matters.
        fix: How to fix it.
        needs: Human sentence of the evidence it needs, for ``not evaluated``.
        can_run: Whether the capture holds that evidence; a rule that cannot run is reported, never "clean".
        check: The check itself.
        thresholds: Figures it compares with.
        links: Documentation.
    """

    id: str
    numbers: tuple[str, ...]
    title: str
    severity: Severity
    why: str
    fix: str
    needs: str
    can_run: Callable[[Inputs], bool]
    check: Check
    thresholds: tuple[Threshold, ...] = ()
    links: tuple[str, ...] = ()


class Registry:
    """Rules by id."""

    def __init__(self) -> None:
        self._rules: dict[str, Rule] = {}

    def add(self, rule: Rule) -> None:
        """Register a rule. Raises ValueError where the id is taken."""
        if rule.id in self._rules:
            raise ValueError(f"rule {rule.id!r} is registered twice")
        self._rules[rule.id] = rule

    def __iter__(self) -> Iterator[Rule]:
        return iter(sorted(self._rules.values(), key=lambda rule: rule.id))

    def __getitem__(self, rule_id: str) -> Rule:
        return self._rules[rule_id]

    def __contains__(self, rule_id: object) -> bool:
        return rule_id in self._rules
