"""traceview.toml."""

import pickle
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from traceview.rules.config import Config, find_config, load_config, read_baseline, write_baseline
from traceview.rules.registry import Severity
from traceview_parsers.errors import UsageError

WHOLE = """
baseline = "accepted.json"

[rules.io-overload]
severity = "low"
thresholds = { high = 20, medium = 4.5 }

[rules.route-flapping]
enabled = false

[[suppressions]]
fingerprint = "0123456789abcdef"
reason = "known"
until = 2026-12-31
"""


@pytest.fixture
def written(tmp_path: Path) -> Any:
    def write(text: str, name: str = "traceview.toml") -> Path:
        path = tmp_path / name
        path.write_text(text, "utf-8")
        return path

    return write


def test_everything_at_once(written: Callable[..., Path], tmp_path: Path) -> None:
    write_baseline(tmp_path / "accepted.json", [])
    config = load_config(written(WHOLE))
    assert config.thresholds == {"io-overload": {"high": 20.0, "medium": 4.5}}
    assert config.severities == {"io-overload": Severity.low}
    assert config.disabled == ("route-flapping",)
    assert config.suppressions[0].until == date(2026, 12, 31)
    assert config.accepted(date(2026, 12, 31)) == {"0123456789abcdef"}
    assert config.accepted(date(2027, 1, 1)) == frozenset()
    assert pickle.loads(pickle.dumps(config)) == config  # noqa: S301 - our own bytes
    assert str(tmp_path) not in repr(config)


def test_found_upward(written: Callable[..., Path], tmp_path: Path) -> None:
    path = written("[rules.io-overload]\nenabled = false\n")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert find_config(below) == path
    assert load_config(start=below).disabled == ("io-overload",)


def test_pyproject(written: Callable[..., Path], tmp_path: Path) -> None:
    path = written("[tool.traceview.rules.io-overload]\nenabled = false\n", "pyproject.toml")
    assert load_config(start=tmp_path).disabled == ("io-overload",)
    assert load_config(path).disabled == ("io-overload",)


def test_pyproject_without_our_table_is_passed_over(written: Callable[..., Path], tmp_path: Path) -> None:
    path = written("[tool.other]\n", "pyproject.toml")
    assert find_config(tmp_path) != path
    with pytest.raises(UsageError, match=r"has no table \[tool.traceview\]"):
        load_config(path)


def test_nothing_found(tmp_path: Path) -> None:
    if find_config(tmp_path) is None:
        assert load_config(start=tmp_path) == Config()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rules = 3", "rules: must be a table"),
        ("rulez = 3", "rulez: unknown; did you mean 'rules'"),
        ("[rules.io-overlod]", "rules.io-overlod: unknown; did you mean 'io-overload'"),
        ("[rules.io-overload]\nenable = true", "did you mean 'enabled'"),
        ("[rules.io-overload]\nenabled = 1", "must be true or false"),
        ("[rules.io-overload]\nseverity = 'awful'", "Accepted: info, low, medium, high, critical"),
        ("[rules.io-overload]\nthresholds = { hi = 1 }", "Accepted: medium, high, critical"),
        ("[rules.io-overload]\nthresholds = { high = 'x' }", "must be a number from 0 on"),
        ("[rules.io-overload]\nthresholds = { high = -1 }", "must be a number from 0 on"),
        ("[rules.io-overload]\nthresholds = { high = nan }", "must be a number from 0 on"),
        ("[rules.io-overload]\nthresholds = { high = true }", "must be a number from 0 on"),
        ("[rules.media-services-reset]\nthresholds = { a = 1 }", "this rule has no thresholds"),
        ("suppressions = 3", "must be an array of tables"),
        ("[[suppressions]]\nfingerprint = '0123456789abcdef'", "reason: is required"),
        ("[[suppressions]]\nfingerprint = 'xyz'\nreason = 'r'", "16 lower-case hexadecimal digits"),
        ("[[suppressions]]\nfingerprint = '0123456789abcdef'\nreason = 'r'\nuntil = 'soon'", "must be a date"),
        ("baseline = 3", "must be the path of a file"),
        ("baseline = 'absent.json'", "absent.json: cannot be read"),
        ("= broken", "is no TOML"),
    ],
)
def test_errors_name_file_key_and_what_is_accepted(written: Callable[..., Path], text: str, message: str) -> None:
    path = written(text)
    with pytest.raises(UsageError) as error:
        load_config(path)
    assert message in str(error.value)
    assert str(path.parent) in str(error.value)
    assert "\n" not in str(error.value).replace("\\n", "") or "TOML" in message


def test_absent_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_config(tmp_path / "none.toml")


def test_baseline_round_trip(case: Any, tmp_path: Path) -> None:
    case.add("terminations", 10, 10, kind="crash", code="0xb")
    found, _ = case.evaluate()
    path = tmp_path / "baseline.json"
    write_baseline(path, [*found, *found])
    assert read_baseline(path) == (found[0].fingerprint,)
    assert found[0].title in path.read_text("utf-8")
    assert case.evaluate(Config(baseline=read_baseline(path)))[0] == []


@pytest.mark.parametrize("text", ["[]", "{", '{"schema_version": 1}', '{"schema_version": 9, "findings": []}', "\x00"])
def test_bad_baselines(tmp_path: Path, text: str) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=r"baseline\.json"):
        read_baseline(path)
