"""The table of scenarios in the README of the samples."""

from pathlib import Path
from typing import Final

from generator import scenarios, sysdiagnose
from generator.carriers import CARRIERS

BEGIN: Final = "<!-- scenarios: written by generate.py -->\n"
END: Final = "<!-- end of scenarios -->\n"


def scenario_table() -> str:
    """Return the table as Markdown."""
    rows = ["| scenario | what it shows | iOS | committed captures |", "|---|---|---|---|"]
    for module in scenarios.modules():
        slug = scenarios.slug(module)
        releases = ", ".join(str(generation.ios) for generation in scenarios.generations(module))
        files = " · ".join(f"`.ios{generation.ios}{CARRIERS[name].suffix}`" for generation, name in module.VARIANTS)
        rows.append(f"| `{slug}` | {module.TITLE} | {releases} | {files} |")
    rows.append(f"| `{sysdiagnose.NAME[:12]}…` | {sysdiagnose.TITLE} | 26 | a whole sysdiagnose |")
    formats = "; ".join(carrier.title for carrier in CARRIERS.values())
    return "\n".join(rows) + f"\n\nInput formats that the generator writes: {formats}.\n"


def with_table(text: str) -> str:
    """Return the README `text` with the table as it is now. Raises ValueError where its marks are missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the README has no marks around the table of scenarios")
    return f"{before}{BEGIN}{scenario_table()}{END}{after}"


def write_table(readme: Path) -> None:
    """Bring the table in `readme` up to date."""
    readme.write_text(with_table(readme.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
