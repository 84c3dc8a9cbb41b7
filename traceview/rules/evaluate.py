"""Run all rules over the episodes of one capture."""

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, date, datetime
from typing import Final

import polars as pl
from msgspec.structs import replace

from traceview.episodes.schema import Episodes
from traceview.rules.builtin import load_rules
from traceview.rules.config import Config
from traceview.rules.lacking import lacks
from traceview.rules.registry import CaptureFacts, Finding, Inputs, NotEvaluated, Registry, Rule
from traceview.rules.rows import owner
from traceview.witness.schema import WITNESS_SCHEMA

_NO_FACTS: Final = CaptureFacts()
_NO_TIME: Final = datetime.max.replace(tzinfo=UTC)


def evaluate(
    episodes: Episodes,
    *,
    kinds: frozenset[str],
    witnesses: frozenset[str],
    capture_end: datetime | None,
    config: Config,
    apps: Collection[str] | None = None,
    facts: CaptureFacts = _NO_FACTS,
    registry: Registry | None = None,
    today: date | None = None,
    windows: pl.DataFrame | None = None,
) -> tuple[list[Finding], list[NotEvaluated]]:
    """Return what the rules find, worst first and then by time, and the rules that could not speak.

    Args:
        episodes: All tables of the capture.
        kinds: Event kinds that occurred.
        witnesses: Processes that printed a line.
        capture_end: Last covered time, UTC.
        config: Thresholds, severities, disabled rules, suppressions and baseline.
        apps: Bundle ids or process names to report on; their extensions are included. None: all third-party apps.
            Findings about the capture or the whole system are always reported.
        facts: What is known of the capture itself.
        registry: Rules to run; None: all that are installed.
        today: Date for suppressions with an expiry; None: the current date.
        windows: What other witnesses than the log measured (`WITNESS_SCHEMA`).

    A rule that raises is listed as not evaluated with the words ``internal error``; the others go on.
    """
    failures: tuple[NotEvaluated, ...] = ()
    if registry is None:
        registry, failures = load_rules()
    asked = _with_parts(episodes, frozenset(apps or ()))
    measured = pl.DataFrame(schema=WITNESS_SCHEMA) if windows is None else windows
    base = Inputs(episodes, kinds, witnesses, {}, capture_end, asked, facts, measured)
    findings: list[Finding] = []
    skipped: list[NotEvaluated] = list(failures)
    for rule in registry:
        found, silent = _run(rule, base, config)
        findings += found
        skipped += silent
    kept, _ = split_accepted(findings, config, today or datetime.now(UTC).date())
    kept = [one for one in kept if _asked_for(one, asked)]
    kept.sort(key=lambda one: (-one.severity, one.start or _NO_TIME, one.rule, one.app or "", one.pattern))
    return kept, skipped


def split_accepted(findings: Iterable[Finding], config: Config, today: date) -> tuple[list[Finding], list[Finding]]:
    """Return the findings to report, and those that a suppression or the baseline accepts."""
    accepted = config.accepted(today)
    reported: list[Finding] = []
    dropped: list[Finding] = []
    for one in findings:
        (dropped if one.fingerprint in accepted else reported).append(one)
    return reported, dropped


def in_order(findings: Iterable[Finding], events: pl.DataFrame, windows: pl.DataFrame) -> list[Finding]:
    """Return the findings with their evidence by time, whichever episode it came from; what has no time stands last.

    Args:
        findings: What the rules found.
        events: ``ref`` and ``time`` of what was recognised.
        windows: ``ref`` and ``start`` of what other witnesses measured.
    """
    found = list(findings)
    refs = [ref for one in found for ref in one.evidence]
    told = pl.concat([events.select("ref", "time"), windows.select("ref", time="start")], how="vertical_relaxed")
    known = told.filter(pl.col("ref").is_in(refs)).drop_nulls().group_by("ref").agg(pl.col("time").min().cast(pl.Int64))
    times = dict(known.iter_rows())
    never = max(times.values(), default=0) + 1
    return [replace(one, evidence=tuple(sorted(one.evidence, key=lambda ref: times.get(ref, never)))) for one in found]


_Outcome = tuple[list[Finding], list[NotEvaluated]]
"""What a rule found, and that it could not speak."""


def _run(rule: Rule, base: Inputs, config: Config) -> _Outcome:
    if rule.id in config.disabled:
        return _skip(rule, f"disabled in {config.path or 'the configuration'}")
    values = {threshold.name: threshold.default for threshold in rule.thresholds}
    inputs = replace(base, thresholds={**values, **config.thresholds.get(rule.id, {})})
    try:
        if not rule.can_run(inputs):
            return _skip(rule, rule.needs, _lacks(rule, inputs))
        return list(_with_severity(rule.check(inputs), rule, config)), []
    except Exception as error:  # noqa: BLE001 - one broken rule must not hide what the others found
        return _skip(rule, f"internal error: {type(error).__name__}: {error} (please report it)")


def _lacks(rule: Rule, inputs: Inputs) -> tuple[str, ...]:
    try:
        return lacks(rule, inputs)
    except Exception:  # noqa: BLE001 - a foreign predicate may expect rows wherever there are lines; its own words stand
        return ()


def _skip(rule: Rule, needs: str, lacking: tuple[str, ...] = ()) -> _Outcome:
    number = rule.numbers[0] if rule.numbers else None
    return [], [NotEvaluated(rule.id, number, rule.title, needs, lacking)]


def _with_severity(findings: Iterable[Finding], rule: Rule, config: Config) -> Iterator[Finding]:
    severity = config.severities.get(rule.id)
    for one in findings:
        yield one if severity in (None, one.severity) else replace(one, severity=severity, given=one.severity)


def _with_parts(episodes: Episodes, apps: frozenset[str]) -> frozenset[str]:
    """Return `apps` with the bundle ids and process names that belong to them."""
    if not apps:
        return apps
    table = episodes["processes"]
    member = pl.col("app").is_in(apps) | pl.col("process").is_in(apps) | pl.col("host_app").is_in(apps)
    found = table.filter(member.fill_null(value=False))
    return apps | set(found["app"].drop_nulls().to_list()) | set(found["process"].drop_nulls().to_list())


def _asked_for(found: Finding, apps: frozenset[str]) -> bool:
    return not apps or found.app is None or found.app in apps or owner(found.app, apps) is not None
