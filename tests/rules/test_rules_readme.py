"""The README's rule of a third party works as printed."""

import re
from pathlib import Path
from typing import Any

import traceview as tv
from traceview.rules import registry
from traceview.rules.config import load_config


def _blocks(language: str) -> list[str]:
    readme = Path(registry.__file__).with_name("README.md").read_text("utf-8")
    return re.findall(rf"```{language}\n(.*?)```", readme, re.DOTALL)


def test_the_rule_of_the_readme_finds_long_ringing(samples: Path) -> None:
    (source,) = _blocks("python")
    names: dict[str, Any] = {}
    exec(compile(source, "README.md", "exec"), names)  # noqa: S102  (our own page)
    rules = registry.Registry()
    names["register"](rules)
    (rule,) = rules
    with tv.open(samples / "healthy-incoming-call.ios26.ndjson") as capture:
        calls = {name: capture.episodes(name) for name in capture.analysis.episodes}
    inputs = registry.Inputs(calls, frozenset(), frozenset(), {"limit": 0.0})
    assert rule.can_run(inputs)
    (finding,) = rule.check(inputs)
    assert re.fullmatch(r"com\.acme\.voip rang for \d+\.\d s before it was answered", finding.title)
    assert not list(rule.check(registry.Inputs(calls, frozenset(), frozenset(), {"limit": 1e6})))


def test_the_settings_of_the_readme_are_read(tmp_path: Path) -> None:
    source = next(block for block in _blocks("toml") if "suppressions" in block)
    (tmp_path / "traceview.toml").write_text(source.replace("baseline =", "# baseline ="))
    config = load_config(tmp_path / "traceview.toml")
    assert config.thresholds == {"io-overload": {"high": 20}}
    assert config.suppressions[0].reason == "known, fixed in 5.3"
