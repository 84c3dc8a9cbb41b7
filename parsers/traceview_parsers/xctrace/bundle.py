"""``.trace`` bundles: only Instruments reads them, so they are exported, or the user is told how."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from traceview_parsers.errors import InputError
from traceview_parsers.temporary import unused_folder

SCHEMAS: Final = (
    "os-log",
    "os-signpost",
    "time-info",
    "life-cycle-period",
    "potential-hangs",
    "hang-risks",
    "runloop-intervals",
    "thread-state",
    "device-thermal-state-intervals",
    "audio-hal-client-io-cycle",
    "audio-hal-io-cycle",
    "audio-hal-client-poi",
    "audio-hal-poi",
    "network-connection-detected",
    "network-connection-update",
    "activity-monitor-process-live",
    "time-profile",
)
"""What tells about calls and background work; other tables can be exported by hand."""
_LARGE: Final = frozenset({"thread-state", "time-profile"})
"""Tables of gigabytes, which `how_to_export` leaves out of its one command."""

_ATTEMPTS: Final = 3
"""``xctrace export`` crashes now and then and succeeds when repeated (Xcode 26.3 and 26.5, public bug reports)."""
_LIMIT_S: Final = 3600


def is_bundle(path: Path) -> bool:
    """Whether a folder is a ``.trace`` bundle."""
    if path.suffix.lower() == ".trace":
        return True
    core = path / "corespace"
    return core.is_dir() and (any(path.glob("*.template")) or any(core.glob("run*")))


def bundle_in(name: str) -> str | None:
    """Return the path of the bundle in which a member of an archive lies (empty for the archive itself), or None."""
    parts = name.split("/")
    for place, part in enumerate(parts[:-1]):
        if part.lower().endswith(".trace"):
            return "/".join(parts[: place + 1])
        if part == "corespace":
            return "/".join(parts[:place])
    return None


def how_to_export(name: str) -> str:
    """Return what to do with a bundle, for people."""
    wanted = " or ".join(f'@schema="{schema}"' for schema in SCHEMAS if schema not in _LARGE)
    return (
        f"{name}: a .trace bundle can only be read by Instruments. On a Mac with Xcode unpack it, if it is packed, and run "
        f"`mkdir export`, `xctrace export --input {name} --toc --output export/toc.xml` and "
        f"`xctrace export --input {name} --xpath '/trace-toc/run/data/table[{wanted}]' --output export/tables.xml`, "
        "then give traceview the folder export"
    )


def can_export() -> bool:
    """Whether this is a Mac with ``xctrace``."""
    return sys.platform == "darwin" and shutil.which("xctrace") is not None


def export(bundle: Path, name: str) -> tuple[Path, list[str]]:
    """Export a bundle into a new temporary folder, which the caller removes.

    Returns:
        The folder, and one sentence for each table that could not be exported.

    Raises:
        InputError: Not even the table of contents could be exported.
    """
    folder = unused_folder()
    try:
        folder.mkdir(mode=0o700)
        complaints = _export(bundle, name, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder, complaints


def _export(bundle: Path, name: str, folder: Path) -> list[str]:
    complaint = _run(bundle, folder / "toc.xml", ["--toc"])
    if complaint:
        raise InputError(f"{name}: xctrace could not export it ({complaint})")
    from traceview_parsers.xctrace.toc import read_toc  # noqa: PLC0415  (every capture asks about bundles, few have one)

    runs, _ = read_toc((folder / "toc.xml").read_bytes())
    there = {table.get("schema") for run in runs for table in run.tables}
    complaints = []
    for schema in SCHEMAS:
        if schema in there:
            xpath = f'/trace-toc/run/data/table[@schema="{schema}"]'
            complaint = _run(bundle, folder / f"{schema}.xml", ["--xpath", xpath])
            complaints += [f"table {schema} could not be exported ({complaint})"] if complaint else []
    return complaints


def _run(bundle: Path, output: Path, what: list[str]) -> str:
    """Run one export; return an empty string, or why it failed."""
    program = shutil.which("xctrace") or "xctrace"
    complaint = ""
    for _ in range(_ATTEMPTS):
        output.unlink(missing_ok=True)
        try:
            done = subprocess.run(  # noqa: S603  (no shell; the program is found on the user's own PATH)
                [program, "export", "--input", str(bundle), "--output", str(output), *what],
                capture_output=True,
                check=False,
                timeout=_LIMIT_S,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if done.returncode == 0 and output.is_file() and output.stat().st_size:
            return ""
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        complaint = said[-1] if said else f"exit status {done.returncode}"
    return complaint
