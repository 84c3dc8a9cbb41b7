"""Another app is killed by the watchdog and stopped while suspended; the app under test has a healthy call meanwhile.

Rests on the same lines as the scenarios of these names: everything bad here is about somebody else.
"""

from generator import flows
from generator.phrases import audio, noise, runningboard
from generator.phrases.audio import Session
from generator.story import IOS_26, Expected, Story

TITLE = "Only another app is in trouble"
VARIANTS = ((IOS_26, "default"),)


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(no_finding_above="info", notes="All trouble belongs to com.example.othertalk.")
    app, other = story.app(812), story.app(731, "OtherTalk", "com.example.othertalk")
    theirs = Session(other, 0x30AA1, category="MediaPlayback", mode="Default")
    noise.bystanders(story, 0, 90, per_second=0.5)
    story.at(2)
    runningboard.launch(story, other, foreground=True)
    audio.create(story, theirs)
    audio.activate(story, theirs, by_callkit=False)
    story.at(6)
    runningboard.to_background(story, other)
    story.at(10)
    call = flows.ring(story, app)
    story.wait(4.2)
    flows.pick_up(story, call)
    story.at(30)
    runningboard.suspend(story, other)
    audio.stop_suspended(story, theirs)
    story.at(44)
    runningboard.terminate(
        story, other, requestor=story.service("com.apple.SpringBoard", "SpringBoard"), domain=10, code=0x8BADF00D, exit_name="frontboard",
        context="explanation:scene-update watchdog transgression: exhausted real (wall clock) time allowance of 10.00 seconds reportType:CrashLog maxTerminationResistance:Interactive",
    )  # fmt: skip
    story.at(71)
    flows.hang_up(story, call)
    suspended = flows.let_go(story, app)
    flows.expect(expected, call)
    expected.row("suspensions", pid=app.pid, start=suspended, in_call=False)
    return expected
