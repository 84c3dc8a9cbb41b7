"""The app outgrows its memory limit in the middle of a call and the kernel kills it.

Rests on: the kernel's ``killing_specific_process`` as in iOS 13 to 18.0 and, with time and ``rf:``, since 18.4; launchd's exit
triple (namespace 1 = JETSAM; reason 7 = per-process limit, xnu). The call ends because its provider is gone.
"""

from generator import flows
from generator.phrases import calls, kernel, noise, runningboard
from generator.story import IOS_15, IOS_26, Expected, Story

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
    killed = kernel.jetsam(story, app, "per-process-limit", 2_097_152 if story.os.ios >= 18 else 1_468_006)
    story.wait(0.02)
    runningboard.gone(story, app, domain=1, code=_PER_PROCESS_LIMIT, exit_name="jetsam")
    calls.callservicesd(story, "XPC connection interrupted from client %@", "<client>")
    calls.disconnected(story, call.id)
    flows.expect(expected, call)
    expected.row("processes", pid=app.pid, start=call.launched, end=killed)
    expected.row("terminations", pid=app.pid, start=killed, kind="jetsam", in_call=True)
    return expected
