"""Which processes are apps, which are not, and of which no line tells."""

from collections.abc import Callable

import pytest

from traceview.episodes.schema import Episodes

Story = Callable[..., Episodes]
WHO = {"subject": "AcmeVoIP", "subject_pid": 700}


@pytest.mark.parametrize(
    ("kind", "fields", "is_app"),
    [
        ("jetsam.killed", {"process": "kernel", "pid": 0, **WHO}, None),
        ("jetsam.killed", {"signal": "report.jetsam", **WHO}, None),
        ("jetsam.killed", {"signal": "report.jetsam", "state": "daemon idle", **WHO}, False),
        ("process.terminated", {"signal": "report.crash", **WHO}, False),
        ("process.terminated", {"signal": "report.crash", "bundle": "com.acme.voip", **WHO}, True),
        ("process.state", {"subject": "com.apple.wifianalyticsd", "subject_pid": 700}, False),
        ("background_task.began", {"process": "AcmeVoIP", "pid": 700}, True),
    ],
)
def test_an_app_is_one_by_a_line_that_only_apps_have(
    story: Story, kind: str, fields: dict[str, object], is_app: object
) -> None:
    processes = story((1, kind, fields))["processes"]
    assert processes.filter(processes["pid"] == 700)["is_app"].to_list() == [is_app]
