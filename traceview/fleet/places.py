"""Where captures lie, as the fleet page tells it: links and paths, less of them in what is made to be sent away."""

import os
from pathlib import Path, PurePath
from urllib.parse import quote, unquote_to_bytes, urlsplit

from traceview.report.pseudonyms import Pseudonyms
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
