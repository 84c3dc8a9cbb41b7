"""Where captures lie, as the fleet page tells it: links and paths, less of them in what is made to be sent away."""

import os
from pathlib import Path, PurePath
from urllib.parse import quote, unquote_to_bytes, urlsplit

import polars as pl

from traceview.report.pseudonyms import Pseudonyms
from traceview.sources import below, common_path
from traceview_parsers.trace import Device

WHOLE = "none"
"""Level of redaction at which nothing is removed."""


def link(uri: str | None, base: Path) -> str:
    """Return a link to a capture for a page in the folder `base`: relative where both lie below a common folder.

    Anything but a local file gives no link.
    """
    parts = urlsplit(uri or "")
    if parts.scheme != "file" or parts.netloc:
        return ""
    path = os.fsdecode(unquote_to_bytes(parts.path))
    home = str(base.resolve())
    if os.sep == "/" and os.path.commonpath([home, path]) != "/":
        return "./" + quote(os.fsencode(os.path.relpath(path, home)))
    return "file://" + quote(os.fsencode(path), safe="/:" if os.sep != "/" else "/")


def place(path: str, uri: str | None, base: Path, *, redacted: bool) -> tuple[str, str]:
    """Return the path of a capture to be read, and a link to it.

    Folders may be named after people. Where texts were redacted, the path is the name alone, and only what lies in the
    folder of the page is linked.
    """
    href = link(uri, base)
    if not redacted:
        return path, href
    beside = href.startswith("./") and "/" not in href.removeprefix("./")
    return PurePath(path).name, href if beside else ""


def told(message: str, path: str, *, redacted: bool) -> str:
    """Return the message of a failure; where texts were redacted without folders and private values."""
    if not redacted:
        return message
    return Pseudonyms(Device()).scrub(message.replace(path, PurePath(path).name))


def told_apart(captures: pl.DataFrame) -> pl.DataFrame:
    """Return the captures by name, those that share one with the folders of their paths that they do not share.

    Captures whose texts were redacted keep their names alone.

    Args:
        captures: At least ``capture``, ``name``, ``path`` and ``redaction``.
    """
    alike = captures.filter(pl.col("name").is_duplicated() & (pl.col("redaction").fill_null(WHOLE) == WHOLE))
    longer: dict[str, str] = {}
    for keys, paths in alike.group_by("name").agg("capture", "path").select("capture", "path").iter_rows():
        steps = [PurePath(path).as_posix() for path in paths]
        shared = common_path(steps)
        longer |= {key: rest for key, path in zip(keys, steps, strict=True) if (rest := below(path, shared))}
    named = pl.col("capture").replace_strict(longer, default=pl.col("name"), return_dtype=pl.String())
    return captures.with_columns(name=named).sort("name", "capture")
