"""Names of the levels of thermal pressure that iOS prints as numbers."""

from typing import Final

PRESSURE: Final = {0: "nominal", 10: "light", 20: "moderate", 30: "heavy", 40: "trapping", 50: "sleeping"}
"""Name by level (Darwin's notification ``com.apple.system.thermalpressurelevel`` on iOS). Apple does not document which
``ProcessInfo.ThermalState`` goes with which level."""
MILD: Final = ("light", "moderate")
"""Levels below those at which the device is heavily throttled: an app that waits for ``.serious`` may never act in them."""
