"""A kill that only the kernel tells of, from its text to the finding."""

from pathlib import Path

import traceview as tv

TEXT = """\
Timestamp                       Thread     Type        Activity             PID    TTL
2026-01-15 10:00:00.000000+0100 0x0        Default     0x0                  0      0    kernel: tcp connection outgoing
2026-01-15 10:00:01.000000+0100 0x0        Default     0x0                  0      0    kernel: \
memorystatus: killing_specific_process pid 512 [AcmeVoIP] (per-process-limit 100) 200000KB - memorystatus_available_pages: 20000
"""


def test_a_kill_known_from_kernel_text_is_told_without_naming_the_app(tmp_path: Path) -> None:
    path = tmp_path / "kernel.log"
    path.write_text(TEXT, "utf-8")
    with tv.open(path) as capture:
        (found,) = (one for one in capture.analysis.findings if one.rule == "jetsam")
    assert (found.app, found.severity.name, found.confidence) == ("AcmeVoIP", "critical", 0.5)
