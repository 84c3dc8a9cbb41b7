"""The app outgrows its memory limit in the middle of a call and the kernel kills it.

Rests on: the kernel's ``killing_specific_process`` as in iOS 13 to 18.0 and, with time and ``rf:``, since 18.4; launchd's exit
triple (namespace 1 = JETSAM; reason 7 = per-process limit, xnu). The call ends because its provider is gone.
"""

from generator import flows
from generator.phrases import calls, noise, runningboard
from generator.story import IOS_15, IOS_26, Expected, Story
from generator.values import Static

TITLE = "Killed for memory in a call"
VARIANTS = ((IOS_26, "compact"), (IOS_15, "default"))
_PER_PROCESS_LIMIT = 7


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(findings=[("jetsam", "critical")])
    app = story.app(812)
    noise.bystanders(story, 0, 60, per_second=0.5)
    story.at(5)
    call = flows.ring(story, app)
    story.wait(3)
    flows.pick_up(story, call)
    story.at(47)
    kernel = story.actor("kernel")
    if story.os.ios >= 26:
        killed = story.say(
            kernel,
            "%lu.%03d memorystatus: killing_specific_process pid %d [%s] (%s %d %llus rf:%s type:%s) %lluKB - memorystatus_available_pages: %llu",
            3_647, 112, app.pid, Static(app.name), Static("per-process-limit"), 3, 42, Static("-"), Static("app"), 2_097_152, 91_244,
        )  # fmt: skip
    else:
        killed = story.say(
            kernel,
            "%lu.%03d memorystatus: killing_specific_process pid %d [%s] (%s %d) %lluKB - memorystatus_available_pages: %llu",
            3_647, 112, app.pid, Static(app.name), Static("per-process-limit"), 3, 1_468_006, 91_244,
        )  # fmt: skip
    story.wait(0.02)
    runningboard.gone(story, app, domain=1, code=_PER_PROCESS_LIMIT, exit_name="jetsam")
    calls.callservicesd(story, "XPC connection interrupted from client %@", "<client>")
    calls.disconnected(story, call.id)
    flows.expect(expected, call)
    expected.row("processes", pid=app.pid, start=call.launched, end=killed)
    expected.row("terminations", pid=app.pid, start=killed, kind="jetsam", in_call=True)
    return expected
