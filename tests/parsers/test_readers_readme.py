"""The README's reader of a third party works as printed."""

import re
from pathlib import Path
from typing import Any

import pytest

import traceview as tv
import traceview_parsers
from traceview_parsers import discovery


def test_the_reader_of_the_readme_is_read_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = Path(traceview_parsers.__file__).with_name("README.md").read_text("utf-8")
    (source,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(source, "README.md", "exec"), names)  # noqa: S102  (our own page)
    monkeypatch.setattr(
        discovery, "best_reader", lambda one, _: names["READER"] if names["READER"].claims(one) else None
    )
    log = tmp_path / "app.txt"
    log.write_text("ACME 1768464000.5 call began\nACME soon x\nACME 1768464010 skipping cycle due to overload\n")
    with tv.open(log) as capture:
        rows = capture.log(process="AcmeVoIP")
        assert rows["message"].to_list() == ["call began", "skipping cycle due to overload"]
        assert capture.log(process="other").is_empty()
        assert str(rows["time"][0]) == "2026-01-15 08:00:00.500000+00:00"
        assert [problem.count for problem in capture.analysis.problems] == [1]
