"""Every kind of sidecar, cut anywhere and with junk anywhere: an error of one sentence, or what is whole."""

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from traceview_parsers.errors import InputError

FILES = {
    path.name: path.read_text("utf-8")
    for path in sorted((Path(__file__).parent / "sidecars").iterdir())
    if path.suffix != ".md"
}
JUNK = st.text(st.characters(codec="utf-8"), max_size=40) | st.from_regex(r"[0-9]{1,40}", fullmatch=True)


@given(name=st.sampled_from(sorted(FILES)), data=st.data())
def test_cut_files_keep_what_is_whole(sidecar: Any, name: str, data: st.DataObject) -> None:
    text = FILES[name]
    cut = text[: data.draw(st.integers(0, len(text)))]
    try:
        rows = sidecar.every_row(sidecar(name, cut))
    except InputError:
        return
    assert len(rows) <= len(sidecar.every_row(sidecar(name, text))) + 1


@given(name=st.sampled_from(sorted(FILES)), data=st.data(), junk=JUNK)
def test_junk_anywhere_is_no_error(sidecar: Any, name: str, data: st.DataObject, junk: str) -> None:
    text = FILES[name]
    at = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(at, min(at + 30, len(text))))
    try:
        source = sidecar(name, text[:at] + junk + text[end:])
    except InputError:
        return
    sidecar.every_row(source)
