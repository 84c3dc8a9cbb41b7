"""Columns computed from PowerLog's own: names of codes, and the parts of its composed texts."""

from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from traceview_parsers.ips.termination import NAMESPACES

Arrays = dict[str, Any]

APP_STATES: Final = {
    1: "terminated",
    2: "suspended",
    4: "background",
    8: "foreground",
    16: "process_server",
    32: "obscured",
}
"""Bits of BackBoard's application state; 2, 4 and 8 agree with run times in a real file, 0 is unknown."""

_DELEGATED: Final = r"^(?P<daemon>[^:]+):\[(?P<client>[^\]]*)\]$"
_ASSERTION: Final = (
    r"(?s)^(?P<kind>app|application|daemon|xpcservice|extension|osservice)<(?P<identity>[^>(\[]+)"
    r"(?:\((?:\[\w+<(?P<host>[^>]*)>[^)]*|[^)]*)\))?>:?"
    r"(?P<id>\d+-\d+-\d+):(?P<label>.*?)(?:\((?P<domain>[^()]*)\))?$"
)
"""``application<com.acme.voip>31-60-286:FBApplicationProcess``, ``daemon<com.apple.atc>31-134-124:Copy(FinishTask)``,
``xpcservice<com.acme.ext([app<com.acme.voip>:425])>:42-427-766:Label`` (all shapes of a real file of iPadOS 15)."""


def app_states(arrays: Arrays) -> Arrays:
    """Add the names of state codes."""
    return {"state": named(arrays["state_code"], APP_STATES)}


def app_run_time(arrays: Arrays) -> Arrays:
    """Split ``com.apple.cloudd:[com.acme.voip:(null)]`` into the daemon and the app that it works for."""
    whole = arrays["bundle"]
    parts = pc.extract_regex(whole, _DELEGATED)
    return {
        "bundle": pc.coalesce(pc.struct_field(parts, "daemon"), whole),
        "on_behalf_of": pc.struct_field(parts, "client"),
    }


def assertions(arrays: Arrays) -> Arrays:
    """Read the names of assertions that runningboardd took."""
    parts = pc.extract_regex(arrays["name"], _ASSERTION)
    columns = {
        "identity_kind": "kind",
        "identity": "identity",
        "host": "host",
        "assertion_id": "id",
        "label": "label",
        "domain": "domain",
    }
    found = {column: pc.struct_field(parts, part) for column, part in columns.items()}
    return {column: pc.if_else(pc.equal(texts, ""), None, texts) for column, texts in found.items()}


def process_exits(arrays: Arrays) -> Arrays:
    """Add the namespace's name and the code in hexadecimal."""
    codes = [None if code is None else f"{code & 0xFFFFFFFFFFFFFFFF:#x}" for code in arrays["code_number"].to_pylist()]
    return {"namespace": named(arrays["namespace_code"], NAMESPACES), "code": pa.array(codes, pa.string())}


def background_tasks(arrays: Arrays) -> Arrays:
    """Milliseconds of CPU time to seconds."""
    return {"cpu_s": pc.divide(arrays["cpu_ms"], 1000.0)}


def named(codes: Any, names: dict[int, str]) -> Any:
    """Return the names of integer codes; unknown codes give null."""
    keys = pa.array(list(names), pa.int64())
    return pa.array(list(names.values()), pa.string()).take(pc.index_in(codes, keys))
