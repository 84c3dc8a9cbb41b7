"""Configuration: thresholds, severities, disabled rules, suppressions, baseline.

``traceview.toml``, or the table ``[tool.traceview]`` of ``pyproject.toml``::

    baseline = "traceview-baseline.json"      # relative to this file

    [rules.io-overload]
    enabled = true
    severity = "medium"                       # instead of the rule's own
    thresholds = { high = 20 }

    [[suppressions]]
    fingerprint = "0123456789abcdef"
    reason = "known, fixed in 5.3"            # required
    until = 2026-12-31                        # optional; later the finding is back
"""

import json
import math
import os
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, NoReturn

import tomli
from msgspec import Struct, field

from traceview.rules.builtin import load_rules
from traceview.rules.registry import Finding, Registry, Severity
from traceview_parsers.errors import UsageError

FILE_NAME: Final = "traceview.toml"
BASELINE_VERSION: Final = 1
_FINGERPRINT_DIGITS: Final = 16


class Suppression(Struct, frozen=True):
    """A finding that is accepted: not reported up to and including `until`."""

    fingerprint: str
    reason: str
    until: date | None = None

    def holds(self, today: date) -> bool:
        """Whether it still applies."""
        return self.until is None or today <= self.until


class Config(Struct, frozen=True):
    """What the user changed. The default changes nothing.

    Attributes:
        path: File that it was read from, or None.
        thresholds: Values by rule id and threshold name.
        severities: Severity by rule id, instead of the one that the rule gives.
        disabled: Ids of rules that do not run, sorted.
        suppressions: Accepted findings.
        baseline: Fingerprints of the baseline file, sorted.
    """

    path: Path | None = None
    thresholds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    severities: Mapping[str, Severity] = field(default_factory=dict)
    disabled: tuple[str, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    baseline: tuple[str, ...] = ()

    def __repr__(self) -> str:
        # Where it lies is nobody's business but the user's.
        told = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name != "path")
        return f"Config({', '.join(told)})"

    def accepted(self, today: date) -> frozenset[str]:
        """Return fingerprints that are not reported on `today`."""
        return frozenset(self.baseline) | {one.fingerprint for one in self.suppressions if one.holds(today)}


def load_config(path: Path | None = None, *, start: Path | None = None, registry: Registry | None = None) -> Config:
    """Read the configuration.

    Args:
        path: ``traceview.toml``, ``pyproject.toml`` or any TOML file of the first form; None: look for one.
        start: Folder where the search begins, upward; None: the working directory.
        registry: Rules that may be named; None: all that are installed.

    Raises:
        UsageError: The file is absent, is no TOML, or holds a key or value that is not accepted.
    """
    found = path or find_config(start or Path.cwd())
    if found is None:
        return Config()
    table = _table(found, required=path is not None)
    return _Reader(found, registry or load_rules()[0]).read(table)


def find_config(start: Path) -> Path | None:
    """Return the nearest ``traceview.toml``, or ``pyproject.toml`` with ``[tool.traceview]``, from `start` upward."""
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
        project = folder / "pyproject.toml"
        if project.is_file() and "traceview" in _tools(project):
            return project
    return None


def _tools(project: Path) -> dict[str, Any]:
    tools = _load(project).get("tool", {})
    return tools if isinstance(tools, dict) else {}


def _load(path: Path) -> dict[str, Any]:
    if path.exists() and not path.is_file() and path != Path(os.devnull):
        raise UsageError(f"{path}: is no file")
    try:
        return tomli.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:  # also figures too long for Python
        raise UsageError(f"{path}: is no TOML: {error}") from error


def _table(path: Path, *, required: bool) -> dict[str, Any]:
    content = _load(path)
    if path.name != "pyproject.toml":
        return content
    table = _tools(path).get("traceview")
    if table is None and required:
        raise UsageError(f"{path}: has no table [tool.traceview]")
    return table if isinstance(table, dict) else {}


class _Reader:
    """Checks a configuration table key by key."""

    def __init__(self, path: Path, registry: Registry) -> None:
        self.path = path
        self.registry = registry

    def read(self, table: Mapping[str, Any]) -> Config:
        self._only(table, "", ("rules", "suppressions", "baseline"))
        thresholds: dict[str, dict[str, float]] = {}
        severities: dict[str, Severity] = {}
        disabled = []
        rules = self._mapping(table.get("rules", {}), "rules")
        for rule_id in sorted(rules):
            key = f"rules.{rule_id}"
            self._known(rule_id, key, [rule.id for rule in self.registry])
            entry = self._mapping(rules[rule_id], key)
            self._only(entry, key, ("enabled", "severity", "thresholds"))
            if not self._boolean(entry.get("enabled", True), f"{key}.enabled"):
                disabled.append(rule_id)
            if "severity" in entry:
                severities[rule_id] = self._severity(entry["severity"], f"{key}.severity")
            if "thresholds" in entry:
                thresholds[rule_id] = self._thresholds(rule_id, entry["thresholds"], f"{key}.thresholds")
        return Config(
            path=self.path,
            thresholds=thresholds,
            severities=severities,
            disabled=tuple(disabled),
            suppressions=self._suppressions(table.get("suppressions", [])),
            baseline=self._baseline(table.get("baseline")),
        )

    def _fail(self, key: str, text: str) -> NoReturn:
        raise UsageError(f"{self.path}: {key}: {text}")

    def _mapping(self, value: Any, key: str) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            self._fail(key, f"must be a table, not {value!r}")
        return value

    def _only(self, table: Mapping[str, Any], prefix: str, accepted: Iterable[str]) -> None:
        for name in table:
            self._known(name, f"{prefix}.{name}" if prefix else name, accepted)

    def _known(self, name: str, key: str, accepted: Iterable[str]) -> None:
        names = list(accepted)
        if name not in names:
            close = get_close_matches(name, names, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            self._fail(key, f"unknown{hint} Accepted: {', '.join(names)}")

    def _boolean(self, value: Any, key: str) -> bool:
        if not isinstance(value, bool):
            self._fail(key, f"must be true or false, not {value!r}")
        return value

    def _severity(self, value: Any, key: str) -> Severity:
        names = [severity.name for severity in Severity]
        if value not in names:
            self._fail(key, f"{value!r} is no severity. Accepted: {', '.join(names)}")
        return Severity[value]

    def _thresholds(self, rule_id: str, value: Any, key: str) -> dict[str, float]:
        table = self._mapping(value, key)
        accepted = [threshold.name for threshold in self.registry[rule_id].thresholds]
        if not accepted:
            self._fail(key, "this rule has no thresholds")
        self._only(table, key, accepted)
        for name, figure in table.items():
            number = isinstance(figure, int | float) and not isinstance(figure, bool)
            if not number or not math.isfinite(figure) or figure < 0:
                self._fail(f"{key}.{name}", f"must be a number from 0 on, not {figure!r}")
        return {name: float(table[name]) for name in sorted(table)}

    def _suppressions(self, value: Any) -> tuple[Suppression, ...]:
        if not isinstance(value, list):
            self._fail("suppressions", "must be an array of tables, [[suppressions]]")
        return tuple(self._suppression(entry, f"suppressions[{index}]") for index, entry in enumerate(value))

    def _suppression(self, value: Any, key: str) -> Suppression:
        entry = self._mapping(value, key)
        self._only(entry, key, ("fingerprint", "reason", "until"))
        reason, until = entry.get("reason"), entry.get("until")
        if not isinstance(reason, str) or not reason.strip():
            self._fail(f"{key}.reason", "is required: say why the finding is accepted")
        if until is not None and (not isinstance(until, date) or isinstance(until, datetime)):
            self._fail(f"{key}.until", f"must be a date such as 2026-12-31, not {until!r}")
        return Suppression(self._fingerprint(entry.get("fingerprint"), f"{key}.fingerprint"), reason, until)

    def _fingerprint(self, value: Any, key: str) -> str:
        digits = "0123456789abcdef"
        if not isinstance(value, str) or len(value) != _FINGERPRINT_DIGITS or set(value) - set(digits):
            self._fail(
                key,
                f"must be {_FINGERPRINT_DIGITS} lower-case hexadecimal digits, as a finding shows them; got {value!r}",
            )
        return value

    def _baseline(self, value: Any) -> tuple[str, ...]:
        if value is None:
            return ()
        if not isinstance(value, str):
            self._fail("baseline", f"must be the path of a file, not {value!r}")
        return read_baseline(self.path.parent / value)


def read_baseline(path: Path) -> tuple[str, ...]:
    """Return the fingerprints of a baseline file, sorted. Raises UsageError where it is absent or is none."""
    try:
        content = json.loads(path.read_text("utf-8"))
        if content["schema_version"] != BASELINE_VERSION:
            raise UsageError(
                f"{path}: schema_version is {content['schema_version']!r}, this version reads {BASELINE_VERSION}"
            )
        return tuple(sorted({str(entry["fingerprint"]) for entry in content["findings"]}))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(
            f"{path}: is no baseline file (`traceview analyze --write-baseline` makes one): {error}"
        ) from error


def write_baseline(path: Path, findings: Iterable[Finding]) -> int:
    """Write the findings' fingerprints, with rule, app and title for readers, as a baseline file, whole or not at all.

    Returns the number of fingerprints. Raises OSError where it cannot be written.
    """
    entries = {
        one.fingerprint: {"fingerprint": one.fingerprint, "rule": one.rule, "app": one.app, "title": one.title}
        for one in findings
    }
    content = {"schema_version": BASELINE_VERSION, "findings": [entries[key] for key in sorted(entries)]}
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8", errors="replace")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return len(entries)
