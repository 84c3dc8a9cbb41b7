"""In Low Power Mode the app's audio misses deadlines in a call, in the background.

Rests on: the only words of Low Power Mode known, MediaControls' ``isLowPowerModeEnabled changed`` in SpringBoard (a build of
unknown version, played on 26 alone; older releases go without), and the overload line as in the overload burst.
"""

from generator import flows
from generator.phrases import audio, noise
from generator.story import IOS_26, Expected, Story
from generator.values import Static

TITLE = "Audio overload in Low Power Mode"
VARIANTS = ((IOS_26, "logarchive"),)


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(findings=[("io-overload", "high")])
    app = story.app(812)
    noise.bystanders(story, 0, 80, per_second=0.3)
    story.at(2)
    if story.os.ios >= 26:
        on = story.say(
            story.actor("SpringBoard"), "[%s] isLowPowerModeEnabled changed: %{BOOL}d", Static("WaveformPresenter"), 1,
            subsystem="com.apple.MediaControls", category="Default", library="MediaPlayer",
        )  # fmt: skip
        expected.row("conditions", app=None, kind="low_power", start=on, level="on")
    story.at(5)
    call = flows.ring(story, app)
    story.wait(3)
    flows.pick_up(story, call)
    story.at(40)
    times = []
    for _ in range(25):
        story.wait(story.random.choice((0.02, 0.02, 0.04, 0.11, 0.3)))
        times.append(audio.overload(story, app))
    story.at(66)
    flows.hang_up(story, call)
    suspended = flows.let_go(story, app)
    flows.expect(expected, call)
    expected.row(
        "glitches", kind="overload", start=times[0], end=times[-1], count=25, in_call=True, app_state="background"
    )
    expected.row("suspensions", start=suspended, in_call=False)
    return expected
