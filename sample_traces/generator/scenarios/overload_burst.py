"""During a call in the background the device gets hot, the app burns CPU, and audio I/O cycles are skipped in two bursts.

Rests on: ``skipping cycle due to overload`` as seen on Macs and simulators (no capture of it from an iPhone is public);
thermalmonitord's and the kernel's formats (tvOS 18.2; xnu, iOS 13 to 18.4). Timing: a healthy call's cycle is some 10 ms, so
skipped cycles come in clusters.
"""

from generator import flows
from generator.phrases import audio, noise
from generator.story import IOS_18, IOS_26, Actor, Expected, Story
from generator.values import Static

TITLE = "Audio overload under CPU and thermal pressure"
VARIANTS = ((IOS_26, "ndjson"), (IOS_18, "compact"))


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(findings=[("io-overload", "high"), ("resource-warning", "high")])
    app = story.app(812)
    noise.bystanders(story, 0, 270, per_second=0.2)
    story.at(5)
    call = flows.ring(story, app)
    story.wait(3)
    flows.pick_up(story, call)
    story.at(196)
    if story.os.ios >= 18:  # older words are not known
        story.say(
            story.actor("thermalmonitord"),
            "<Notice> Thermal pressure level %llu",
            20,
            subsystem="com.apple.cltm",
            category="thermalmonitor",
        )
        expected.row("resource_events", kind="thermal", app=None, value=20.0)
    story.at(210)
    first = _burst(story, app, 14)
    story.say(
        story.actor("kernel"), "process %s[%d] thread %llu caught burning CPU! It used more than %d%% CPU over %u seconds",
        Static(app.name), app.pid, 81_244, 50, 180,
    )  # fmt: skip
    story.at(232)
    second = _burst(story, app, 22)
    story.at(260)
    flows.hang_up(story, call)
    suspended = flows.let_go(story, app)
    flows.expect(expected, call)
    for start, end, count in (first, second):
        expected.row(
            "glitches", kind="overload", start=start, end=end, count=count, in_call=True, app_state="background"
        )
    expected.row("resource_events", kind="cpu", pid=app.pid, fatal=False)
    expected.row("suspensions", start=suspended, in_call=False)
    return expected


def _burst(story: Story, app: Actor, count: int) -> tuple[int, int, int]:
    times = []
    for _ in range(count):
        story.wait(story.random.choice((0.02, 0.02, 0.04, 0.11, 0.3)))
        times.append(audio.overload(story, app))
    return times[0], times[-1], count
