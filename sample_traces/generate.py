"""Write every sample capture anew: ``python sample_traces/generate.py [--check] [FOLDER]``.

The output depends on this code alone, byte for byte. ``--check`` writes nothing and fails where a file differs.
"""

import argparse
import gzip
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from generator.samples import write_all  # noqa: E402  # the package lies beside this script
from generator.table import with_table, write_table  # noqa: E402  # likewise


def _content(file: Path) -> bytes:
    """Return what a file holds; the packer of a tarball may differ from machine to machine."""
    data = file.read_bytes()
    return gzip.decompress(data) if file.suffix == ".gz" else data


def main() -> int:
    """Run; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "folder", nargs="?", type=Path, default=HERE, help="where to write (default: beside this script)"
    )
    parser.add_argument("--check", action="store_true", help="compare with what is there")
    options = parser.parse_args()
    if not options.check:
        for file in write_all(options.folder):
            print(f"{file.stat().st_size:>9,}  {file.relative_to(options.folder)}")
        write_table(HERE / "README.md")
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        places = [file.relative_to(scratch) for file in write_all(Path(scratch))]
        stale = [
            place
            for place in places
            if not (options.folder / place).is_file()
            or _content(options.folder / place) != _content(Path(scratch) / place)
        ]
    readme = (HERE / "README.md").read_text(encoding="utf-8")
    if readme != with_table(readme):
        stale.append(Path("README.md"))
    for name in stale:
        print(f"differs: {name}")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
