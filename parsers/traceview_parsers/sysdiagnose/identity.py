"""Device identity and capture time from the text files of a sysdiagnose."""

import re

from traceview_parsers.property_lists import read_property_list
from traceview_parsers.sysdiagnose.names import capture_from_name
from traceview_parsers.trace import CaptureInfo, Device

_CAPTURE = re.compile(r"(?:IN_PROGRESS_|spindump_)(sysdiagnose_\d{4}\.\d{2}\.\d{2}_\d{2}-\d{2}-\d{2}[+-]\d{4}\S*)")
_OFFSET = re.compile(r"([+-])(\d{2}):(\d{2})")
_PROPERTY = re.compile(r"^\s*(\w+) => (.+?)\s*$", re.MULTILINE)
_PROPERTY_OF = {
    "model": "ProductType",
    "os_name": "OSName",
    "os_version": "HumanReadableProductVersionString",
    "os_build": "BuildVersion",
    "serial": "SerialNumber",
    "udid": "UniqueDeviceID",
}
"""Fields of `Device` by the property that remotectl prints."""


def from_capture_log(text: str, capture: CaptureInfo, device: Device) -> bool:
    """Read ``sysdiagnose.log``: the folder name in its early lines is the authority for the capture time."""
    match = _CAPTURE.search(text)
    if match is None:
        return False
    capture.time_ns = None
    capture_from_name(match[1], capture, device)
    return True


def offset_s(tz: str | None) -> int | None:
    """``+01:00`` → 3600; None for a name and for none."""
    match = _OFFSET.fullmatch(tz or "")
    return (-1 if match[1] == "-" else 1) * (int(match[2]) * 3600 + int(match[3]) * 60) if match else None


def from_remotectl(text: str, device: Device) -> bool:
    """Read the block ``Local device`` of ``remotectl_dumpstate.txt`` (``key => value`` lines)."""
    start = text.find("Local device")
    if start < 0:
        return False
    end = text.find("\nFound ", start)
    properties = dict(_PROPERTY.findall(text[start : end if end > 0 else None]))
    for field, name in _PROPERTY_OF.items():
        if name in properties:
            setattr(device, field, properties[name])
    if "OSVersion" in properties and device.os_version is None:
        device.os_version = properties["OSVersion"]
    return bool(properties)


def from_system_version(data: bytes, device: Device) -> bool:
    """Read ``SystemVersion.plist``. Other witnesses' facts stay."""
    plist = read_property_list(data)
    if not isinstance(plist, dict):
        return False
    name = plist.get("ProductName")
    device.os_name = device.os_name or ("iOS" if name == "iPhone OS" else name)
    device.os_version = device.os_version or plist.get("ProductVersion")
    device.os_build = device.os_build or plist.get("ProductBuildVersion")
    return "ProductVersion" in plist
