"""All sample files: text exports of the scenarios, the sysdiagnose, and what is expected of each."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from generator import scenarios, sysdiagnose
from generator.carriers import CARRIERS
from generator.story import APP_BUNDLE, ZONE, Expected, Story, rfc3339

START: Final = datetime(2026, 1, 15, 9, 12, 30, tzinfo=ZONE)
_TIMES: Final = frozenset({"start", "end", "received", "launched", "delivered", "reported", "answered", "audio_activated", "connected", "ended", "io_started"})  # fmt: skip


def write_all(folder: Path) -> list[Path]:
    """Write every sample into `folder`; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for module in scenarios.modules():
        slug = scenarios.slug(module)
        for generation, name in module.VARIANTS:
            story = Story(slug, generation, START, private_kept=scenarios.keeps_private(module, name))
            expected = scenarios.play(module, story)
            carrier = CARRIERS[name]
            stem = f"{slug}.ios{generation.ios}"
            file = folder / f"{stem}{carrier.suffix}"
            files = carrier.write(story, file)
            written += [
                *files,
                write_expected(folder, stem, file.name, module.TITLE, expected, options=carrier.options),
            ]
    tarball, expected = sysdiagnose.build()
    file = folder / f"{sysdiagnose.NAME}.tar.gz"
    file.write_bytes(tarball)
    return [
        *written,
        file,
        write_expected(folder, sysdiagnose.NAME, file.name, sysdiagnose.TITLE, expected, options={}),
    ]


def write_expected(
    folder: Path, stem: str, sample: str, title: str, expected: Expected, *, options: dict[str, str]
) -> Path:
    """Write what is expected of one sample."""
    content: dict[str, Any] = {
        "synthetic": True,
        "title": title,
        "sample": sample,
        "app": APP_BUNDLE,
        "options": options,
        "tolerance_s": 1.0,
        "episodes": {table: [_row(row) for row in rows] for table, rows in expected.episodes.items()},
        "findings": [{"rule": rule, "severity": severity} for rule, severity in expected.findings],
    }
    if expected.no_finding_above:
        content["no_finding_above"] = expected.no_finding_above
    if expected.notes:
        content["notes"] = expected.notes
    file = folder / f"{stem}.expected.json"
    file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8", newline="\n")
    return file


def _row(row: dict[str, object]) -> dict[str, object]:
    return {name: rfc3339(value) if name in _TIMES and isinstance(value, int) else value for name, value in row.items()}
