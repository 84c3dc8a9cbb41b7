"""The rules reference: text, JSON and Markdown, and the explanation of one rule."""

import json
import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final

from traceview.rules.builtin import FAMILIES, load_rules
from traceview.rules.not_covered import NOT_COVERED
from traceview.rules.registry import Finding, Registry, Rule, Threshold
from traceview_parsers.errors import UsageError

SCHEMA_VERSION: Final = "1"
_WIDTH: Final = 80


def render(form: str = "text", registry: Registry | None = None) -> str:
    """Return all rules as ``text``, ``json`` or ``markdown``. Raises UsageError for another form."""
    if form not in _FORMS:
        raise UsageError(f"{form}: unknown form of the rules reference. Accepted: {', '.join(_FORMS)}")
    return _FORMS[form](registry or load_rules()[0])


def explain(name: str, registry: Registry | None = None) -> str:
    """Return the explanation of the rule with this id or catalogue number (``T01``), several where they share it.

    Raises UsageError where no rule has that name.
    """
    rules = registry or load_rules()[0]
    wanted = name.strip()
    found = [rule for rule in rules if wanted.lower() == rule.id or wanted.upper() in rule.numbers]
    if not found:
        absent = [one for one in NOT_COVERED if one.number == wanted.upper()]
        if absent:
            return _wrapped(f"{absent[0].number}: {absent[0].title}. No rule decides this: {absent[0].because}.")
        close = get_close_matches(wanted.lower(), [rule.id for rule in rules], n=1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise UsageError(f"{name}: no rule has this id or number{hint}; `traceview rules` lists them")
    return "\n\n".join(_explanation(rule) for rule in found)


def explain_findings(found: Sequence[tuple[Finding, str, str]], registry: Registry | None = None) -> str:
    """Return what findings of one rule say, each with its proof; the same words and the explanation of the rule once.

    A rule that is not installed here has no explanation.

    Args:
        found: Each finding with when it was and what proves it, both as people read it.
        registry: Known rules.
    """
    rules = registry or load_rules()[0]
    parts = [f"{len(found)} findings have this fingerprint:"] if len(found) > 1 else []
    said: set[str] = set()
    for finding, when, proof in found:
        sure = f"{finding.severity.name}, {finding.confidence:.0%} sure, fingerprint {finding.fingerprint}"
        parts.append("\n".join(filter(None, (finding.title, when, sure))))
        parts += [_wrapped(text) for text in (finding.explanation, f"Do: {finding.advice}") if text not in said]
        parts += [proof] if proof else []
        said |= {finding.explanation, f"Do: {finding.advice}"}
    rule = found[0][0].rule
    if rule in rules:
        parts.append(_explanation(rules[rule], said={finding.advice for finding, _, _ in found}))
    return "\n\n".join(parts)


def _explanation(rule: Rule, said: Collection[str] = ()) -> str:
    """Return all about a rule; how to fix it only where that was not `said` already."""
    numbers = f" ({', '.join(rule.numbers)})" if rule.numbers else ""
    parts = [
        f"{rule.id}{numbers}: {rule.title}\nWorst severity: {rule.severity.name}",
        _wrapped(f"Why it matters: {rule.why}"),
        *([_wrapped(f"How to fix it: {rule.fix}")] if rule.fix not in said else []),
        _wrapped(f"Needs: {rule.needs}."),
    ]
    if rule.thresholds:
        lines = [
            _wrapped(f"{one.name} = {_figure(one)}: {one.meaning} [{one.source}]", "  ") for one in rule.thresholds
        ]
        parts.append("\n".join([f"Thresholds (set them in [rules.{rule.id}.thresholds]):", *lines]))
    if rule.links:
        parts.append("\n".join(["Read:", *(f"  {link}" for link in rule.links)]))
    return "\n\n".join(parts)


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=2 * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _figure(threshold: Threshold) -> str:
    return f"{threshold.default:g} {threshold.unit}"


def _families(registry: Registry) -> Iterable[tuple[str, list[Rule]]]:
    own = {rule.id for _, family in FAMILIES for rule in family}
    for title, family in FAMILIES:
        rules = [registry[rule.id] for rule in family if rule.id in registry]
        if rules:
            yield title, rules
    foreign = [rule for rule in registry if rule.id not in own]
    if foreign:
        yield "From other packages", foreign


def _text(registry: Registry) -> str:
    blocks = []
    for title, rules in _families(registry):
        lines = [title]
        for rule in rules:
            lines.append(f"  {rule.id:<32} {rule.severity.name:<9} {', '.join(rule.numbers):<26} {rule.title}")
            lines += [f"      {one.name} = {_figure(one)} [{one.source}]" for one in rule.thresholds]
        blocks.append("\n".join(lines))
    absent = [f"  {one.number:<4} {one.title}: {one.because}" for one in NOT_COVERED]
    return "\n\n".join([*blocks, "\n".join(["Not covered", *absent])])


def _json(registry: Registry) -> str:
    rules = [_plain(rule, title) for title, family in _families(registry) for rule in family]
    absent = [{"number": one.number, "title": one.title, "because": one.because} for one in NOT_COVERED]
    content = {"schema_version": SCHEMA_VERSION, "rules": rules, "not_covered": absent}
    return json.dumps(content, indent=2, ensure_ascii=False)


def _plain(rule: Rule, family: str) -> dict[str, Any]:
    return {
        "id": rule.id,
        "numbers": list(rule.numbers),
        "family": family,
        "title": rule.title,
        "severity": rule.severity.name,
        "why": rule.why,
        "fix": rule.fix,
        "needs": rule.needs,
        "thresholds": [
            {"name": one.name, "default": one.default, "unit": one.unit, "source": one.source, "meaning": one.meaning}
            for one in rule.thresholds
        ],
        "links": list(rule.links),
    }


def _markdown(registry: Registry) -> str:
    count = sum(1 for _ in registry)
    lines = [
        "# Rules",
        "",
        f"{count} rules. This page is generated: `traceview rules --format markdown`.",
        "",
        "Severity is the worst that a rule gives. A rule without its evidence is reported as not evaluated, never as clean.",
        "Thresholds can be set in `traceview.toml` under `[rules.<id>.thresholds]`.",
    ]
    for title, rules in _families(registry):
        lines += ["", f"## {title}"]
        for rule in rules:
            lines += ["", *_section(rule)]
    lines += ["", "## Not covered", "", "Patterns of the catalogue that no rule decides.", ""]
    lines += ["| number | pattern | because |", "|---|---|---|"]
    lines += [f"| {one.number} | {_escaped(one.title)} | {_escaped(one.because)} |" for one in NOT_COVERED]
    return "\n".join(lines)


def _section(rule: Rule) -> list[str]:
    lines = [
        f"### `{rule.id}`",
        "",
        f"**{_escaped(rule.title)}** ({', '.join(rule.numbers)}, up to {rule.severity.name})",
        "",
        f"{_escaped(rule.why)}",
        "",
        f"- Fix: {_escaped(rule.fix)}",
        f"- Needs: {_escaped(rule.needs)}",
    ]
    if rule.thresholds:
        lines += ["", "| threshold | default | meaning | source |", "|---|---|---|---|"]
        lines += [
            f"| `{one.name}` | {_figure(one)} | {_escaped(one.meaning)} | {_escaped(one.source)} |"
            for one in rule.thresholds
        ]
    return [*lines, "", "Read: " + ", ".join(f"<{link}>" for link in rule.links)]


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "\\<").replace("_", "\\_").replace("*", "\\*")


_FORMS: Final[Mapping[str, Callable[[Registry], str]]] = MappingProxyType(
    {"text": _text, "json": _json, "markdown": _markdown}
)
