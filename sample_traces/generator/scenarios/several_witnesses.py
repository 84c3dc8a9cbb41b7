"""The overload of a hot phone told by several witnesses: a log archive, the PowerLog, a CPU report, and Instruments.

Rests on: the same lines as the overload burst; the PowerLog's tables of iPadOS 15; a CPU report as real ones of iOS 14 to 17; Instruments'
thermal intervals by the columns of a real export. It exists in one format: several files, packed together.
"""

from generator import reports
from generator.phrases import noise
from generator.scenarios import overload_burst
from generator.story import APP_BUNDLE, IOS_26, SECOND, Expected, Story

TITLE = "One call, four witnesses"
VARIANTS = ((IOS_26, "case"),)
FORMATS = ("case",)


def tell(story: Story) -> Expected:
    """Play it."""
    expected = overload_burst.tell(story)
    call = expected.episodes["calls"][0]
    bursts = expected.episodes["glitches"]
    noise.apps_of_powerlog(story)
    for name, status in (("answered", "callStart"), ("ended", "callStop")):
        time = call[name]
        if isinstance(time, int):
            story.power.append(
                (
                    "PLXPCAgent_EventForward_InCallService",
                    time // SECOND * SECOND,
                    (APP_BUNDLE, f"ABCDE12345.{APP_BUNDLE}", status, 0),
                )
            )
    ends = [burst["end"] for burst in bursts]
    last = max(end for end in ends if isinstance(end, int))
    story.reports["AcmeVoIP.cpu_resource-2026-01-15-091634.ips"] = reports.cpu_usage(story.app(812), story.os, last)
    warm = story.start_ns + 180 * SECOND
    story.heat += [(story.start_ns, warm, "Nominal"), (warm, warm + 75 * SECOND, "Serious")]
    expected.findings.append(("powerlog-limited", "info"))
    expected.row("resource_events", kind="cpu", pid=812, end=last, value=90.0, fatal=False)
    expected.row("resource_events", app=None, kind="thermal", start=story.start_ns, value=0.0)
    expected.row("resource_events", app=None, kind="thermal", start=warm, value=2.0)
    return expected
