"""Call stack trees: the stack of the thread that a diagnostic is about.

Seen in a real tree of one stack a thread: the root frame is the innermost one, and what called it lies below it, down to
``dyld`` or the start of the thread. Trees of sampled stacks (hangs) branch; the branch with most samples is followed.
"""

from typing import Any, Final

from traceview_parsers.ips import values

_DEEPEST: Final = 512
"""Frames of one stack; what reports of crashes print at most."""


def is_tree(found: dict[str, Any]) -> bool:
    """Whether a JSON object is a call stack tree, as apps store it without the payload it came in."""
    return any("callStackRootFrames" in stack for stack in _stacks(found))


def frames(tree: Any) -> list[str] | None:
    """Return the frames of the attributed thread (else of the first), innermost first: ``UIKitCore +2420052``.

    The number is the offset in bytes into the binary's text segment. None where there is no stack.
    """
    stacks = _stacks(values.mapping(tree))
    chosen = next((stack for stack in stacks if stack.get("threadAttributed") is True), stacks[0] if stacks else {})
    below = chosen.get("callStackRootFrames")
    found: list[str] = []
    while len(found) < _DEEPEST:
        listed = [one for one in below if isinstance(one, dict)] if isinstance(below, list) else []
        if not listed:
            break
        frame = max(listed, key=lambda one: values.integer(one.get("sampleCount")) or 0)
        found.append(_frame(frame))
        below = frame.get("subFrames")
    return found or None


def _stacks(tree: dict[str, Any]) -> list[dict[str, Any]]:
    listed = tree.get("callStacks")
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _frame(frame: dict[str, Any]) -> str:
    binary = values.text(frame.get("binaryName")) or values.text(frame.get("binaryUUID"))
    offset, address = values.integer(frame.get("offsetIntoBinaryTextSegment")), values.integer(frame.get("address"))
    if binary is None:
        return "?" if address is None else f"{address:#x}"
    return binary if offset is None else f"{binary} +{offset}"
