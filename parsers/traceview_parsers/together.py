"""Several captures given together: whose device is it, and do they contradict each other?"""

import re
from collections.abc import Sequence
from typing import Final

from traceview_parsers.problems import Problems
from traceview_parsers.trace import Device, Input

_OF_ONE_DEVICE: Final = {"udid": "the device ids", "serial": "the serial numbers", "model": "the models"}
"""Facts that never change: a difference means two devices."""
_PRODUCT_TYPE: Final = re.compile(r"[A-Za-z]+\d+,\d+")


def combine(inputs: Sequence[Input], problems: Problems) -> Device:
    """Return what is known of the device; the first input that tells a fact counts.

    Inputs of another device get the problem ``other-device`` and add nothing; those of another OS build get
    ``other-build`` (another device too, or the time before or after an update).
    """
    device = Device()
    tellers: dict[str, str] = {}
    for given in inputs:
        if _is_other_device(given, device, tellers, problems):
            continue
        _compare_build(given, device, tellers, problems)
        for name in Device.__struct_fields__:
            value = getattr(given.device, name)
            if value is not None and getattr(device, name) is None:
                setattr(device, name, value)
                tellers[name] = given.name
    return device


def _is_other_device(given: Input, device: Device, tellers: dict[str, str], problems: Problems) -> bool:
    for name, words in _OF_ONE_DEVICE.items():
        own, known = _plain(name, given.device), _plain(name, device)
        if own is None or known is None or own == known:
            continue
        models = f" ({given.device.model}, {device.model})" if name == "model" else ""
        problems.add(
            given.name,
            "other-device",
            f"belongs to another device than {tellers[name]}: {words} differ{models}; analyse them apart",
        )
        return True
    return False


def _plain(name: str, device: Device) -> str | None:
    """Return a fact in the form in which it can be compared."""
    value: str | None = getattr(device, name)
    if value is None or (name == "model" and _PRODUCT_TYPE.fullmatch(value) is None):
        return None
    return value.replace("-", "").upper()


def _compare_build(given: Input, device: Device, tellers: dict[str, str], problems: Problems) -> None:
    own, known = given.device.os_build, device.os_build
    if own is not None and known is not None and own != known:
        problems.add(
            given.name,
            "other-build",
            f"was made by OS build {own}, {tellers['os_build']} by {known}: another device, "
            "or from before or after an update",
        )
