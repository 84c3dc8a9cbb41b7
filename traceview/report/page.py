"""The shell that all pages share: one offline file, its policy, its assets, and what makes foreign text harmless.

The page names no network resource, and its content security policy forbids any. The template engine escapes all text,
and control and bidirectional characters are made visible. The same content gives the same bytes.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from traceview.plots.text import number, plural, size
from traceview.report.breaks import breakable
from traceview.report.payload import library
from traceview.visible import visible


def render(template: str, **content: Any) -> Markup:
    """Render a template of ``traceview/report/templates``; whatever it prints is made visible and escaped."""
    return Markup(_templates().get_template(template).render(**content))  # noqa: S704 (the engine escapes)


def page(title: str, body: Markup, figures: Mapping[str, str], styles: Sequence[str], scripts: Sequence[str]) -> str:
    """Return the whole page.

    Args:
        title: Untrusted.
        body: Rendered content.
        figures: Packed figures (`traceview.report.payload.pack`) by the name under which scripts find them; where there
            is any, the plotting library goes with them.
        styles: Names of style sheets in ``traceview/report/assets``.
        scripts: Names of scripts there, in order.
    """
    packed = {**figures, "library": library()} if figures else {}
    return render(
        "page.html.j2",
        title=title,
        body=body,
        nonce=blake2b("\0".join([body, *figures.values()]).encode(), digest_size=16).hexdigest(),
        style=Markup("\n").join(_asset(name) for name in styles),
        data=packed,
        scripts=[_asset(name) for name in scripts],
    )


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("traceview.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"plural": plural, "number": number, "size": size, "breakable": breakable}
    return environment


def _visible(value: Any) -> Any:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _asset(name: str) -> Markup:
    """Return one of the package's own files, which need no escaping."""
    return Markup((files("traceview.report") / "assets" / name).read_text(encoding="utf-8"))  # noqa: S704
