"""A background transfer completes and launches the app for a few seconds.

Rests on: nsurlsessiond's formats (18.2) and its ``NDSession … Using XPC connection`` line (seen). Words of iOS 15 are not known:
there the launch stands alone.
"""

from generator.phrases import network, noise, runningboard
from generator.story import IOS_26, Expected, Story, uuid_text

TITLE = "Woken by a background transfer"
VARIANTS = ((IOS_26, "ndjson"),)


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(no_finding_above="info", notes="Nothing is wrong here.")
    app = story.app(860)
    noise.bystanders(story, 0, 40, per_second=0.5)
    story.at(8)
    task = f"Task <{uuid_text('transfer')}>.<3>"
    if story.os.ios >= 17:
        done = network.transfer_done(story, task, woke=True)
        expected.row("network", app=None, kind="background_session", start=done, reason="transfer complete")
    launched = runningboard.launch(story, app)
    if story.os.ios >= 17:
        story.wait(0.1)
        client = network.transfer_client(story, app, uuid_text("session"), "com.acme.voip.logs")
        expected.row("network", kind="background_session", start=client, reason="client connected")
    story.wait(6)
    suspended = runningboard.suspend(story, app)
    expected.row("processes", pid=app.pid, start=launched, is_app=True)
    expected.row("suspensions", start=suspended, in_call=False)
    return expected
