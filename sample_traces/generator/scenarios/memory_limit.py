"""The app grows beyond its memory limit on its way to being suspended and is killed, without any call.

Rests on: the kernel's ``exceeded mem limit`` before and since 18.4 and ``killing_specific_process`` (xnu, 12 to 18.4); that 26 prints
the words of 18.4 is inferred.
"""

from generator.phrases import kernel, noise, runningboard
from generator.story import IOS_15, Expected, Story

TITLE = "Memory limit exceeded in the background"
VARIANTS = ((IOS_15, "syslog"),)
_PER_PROCESS_LIMIT = 7


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(findings=[("jetsam", "critical")])
    app = story.app(533)
    noise.bystanders(story, 0, 45, per_second=0.5)
    story.at(3)
    launched = runningboard.launch(story, app, foreground=True)
    story.wait(12)
    runningboard.to_background(story, app)
    story.wait(3.5)
    kernel.memory_limit(story, app, 2_048)
    killed = kernel.jetsam(story, app, "per-process-limit", 2_097_152)
    runningboard.gone(story, app, domain=1, code=_PER_PROCESS_LIMIT, exit_name="jetsam")
    expected.row("processes", pid=app.pid, start=launched, end=killed)
    expected.row("resource_events", kind="memory", pid=app.pid, limit=2_048 * 1024.0 * 1024.0, fatal=True)
    expected.row("terminations", pid=app.pid, start=killed, kind="jetsam", in_call=False)
    return expected
