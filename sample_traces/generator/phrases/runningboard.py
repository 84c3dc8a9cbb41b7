"""runningboardd, its clients and SpringBoard: launches, states, suspension, ends.

Formats: RunningBoard, RunningBoardServices and FrontBoard strings of tvOS 18.2 (same code line as iOS 18.2) and iOS 26.1.
Seen on devices: the state fan-out (iOS 17, 18 and 26), ``Calculated state`` (14 to 26), ``Suspending task.`` (15),
SpringBoard's ``SBApplicationProcessState`` (14), termination lines (14.5), ``RBSProcessExitStatus`` (18/26).
"""

from typing import Final

from generator.story import APP_BUNDLE, Actor, Story
from generator.values import Static

_SUBSYSTEM: Final = "com.apple.runningboard"
_FRONTBOARD: Final = "com.apple.FrontBoard"
_MONITORS: Final = ("symptomsd", "gamepolicyd", "media", "locationd", "callservicesd", "dasd")
_SPRINGBOARD: Final = "com.apple.SpringBoard"


def _rb(story: Story, text: str, *arguments: str | int, category: str = "ttl", level: str = "default") -> int:
    daemon = story.actor("runningboardd")
    return story.say(
        daemon, text, *arguments, subsystem=_SUBSYSTEM, category=category, library="RunningBoard", level=level
    )


def calculated(story: Story, app: Actor, state: str, role: str, *, visible: bool = False) -> int:
    """``Calculated state``; since iOS 17.4 with endowments, which a device hides or prints as ``(null)``."""
    if story.os.ios < 17:
        return _rb(
            story, "Calculated state for %{public}@: %{public}@ (role: %{public}@)",
            story.identity(app), state, role, category="monitor",
        )  # fmt: skip
    endowments = "com.apple.frontboard.visibility" if visible else None
    daemon = story.actor("runningboardd")
    return story.say(
        daemon, "Calculated state for %{public}@: %{public}@ (role: %{public}@) (endowments: %@) ",
        story.identity(app), state, role, endowments,
        subsystem=_SUBSYSTEM, category="monitor", library="RunningBoard",
    )  # fmt: skip


def fan_out(story: Story, app: Actor, state: str, *, visible: bool = False) -> None:
    """The state update that about ten daemons print within milliseconds; gamepolicyd always says NotVisible.

    Seen from iOS 17 on; left out before.
    """
    if story.os.ios < 17:
        return
    for name in _MONITORS:
        shown = "-Visible" if visible and name != "gamepolicyd" else "-NotVisible"
        story.say(
            story.actor(name), "Received state update for %d (%{public}@, %{public}@%{public}@",
            app.pid, story.identity(app), state, shown,
            subsystem=_SUBSYSTEM, category="monitor", library="RunningBoardServices",
        )  # fmt: skip


def springboard_state(story: Story, app: Actor, visibility: str, *, task: str = "Running") -> int:
    """SpringBoard's own state line; `visibility` Foreground, Background or Unknown. Seen on iOS 14."""
    text = f"<SBApplicationProcessState: 0x{0x281A5E000 + app.pid * 16:x}; pid: {app.pid}; taskState: {task}; visibility: {visibility}>"
    return story.say(
        story.actor("SpringBoard"), "Application process state changed for %{public}@: %{public}@", app.bundle, text,
        subsystem=_SPRINGBOARD, category="Common",
    )  # fmt: skip


def launch(story: Story, app: Actor, *, foreground: bool = False) -> int:
    """Launch an app that is not running; return the time of the launch request."""
    originator = story.service("com.apple.SpringBoard", "SpringBoard")
    role = "UserInteractiveFocal" if foreground else "Background"
    assertion = story.assertion_id(story.actor("SpringBoard").pid)
    _rb(
        story, "Acquiring assertion targeting %{public}@ from originator %{public}@ with description %{public}@",
        story.identity(app), originator,
        f'<RBSAssertionDescriptor| "FBApplicationProcess" ID:{assertion} target:{story.identity(app)} attributes:[\n'
        f"\t<RBSRunningReasonAttribute| runningReason:10000>,\n\t<RBSDefineRelativeStartTimeGrant>,\n"
        f"\t<RBSCPUAccessGrant| role:{role}>\n\t]>",
    )  # fmt: skip
    if story.os.ios < 18:  # gone by 18.4
        begun = _rb(
            story, "Executing launch request for %{public}@ (%{public}@)", story.identity(app), "FBApplicationProcess"
        )
    else:
        begun = _rb(
            story, "Executing launch request for %{public}@ (%{public}@) from requestor: %{public}@",
            story.identity(app), "FBApplicationProcess", originator,
        )  # fmt: skip
    _rb(story, "Creating and launching job for: %{public}@", story.identity(app), category="job")
    story.wait(0.02)
    _rb(story, "Now tracking process: %{public}@", story.handle(app))
    _rb(story, "%{public}@ This process will be managed.", story.handle(app), category="process")
    story.entered(app, "not_running", story.start_ns)
    if foreground:
        to_foreground(story, app)
        return begun
    story.entered(app, "background", begun)
    role_of(story, app, role)
    calculated(story, app, "running-active", role)
    fan_out(story, app, "running-active")
    springboard_state(story, app, "Background")
    return begun


def role_of(story: Story, app: Actor, role: str) -> None:
    """The scheduling role and jetsam band that follow from the state (bands times ten are iOS 27)."""
    priority = {"UserInteractiveFocal": 10, "NonUserInteractive": 3, "Background": 3, "None": 0}.get(role, 4)
    _rb(
        story,
        "%{public}@ Set jetsam priority to %d [%#llx] flag[%d]",
        story.handle(app),
        priority,
        0,
        1,
        category="jetsam",
    )
    _rb(story, "%{public}@ Set darwin role to: %{public}@", story.handle(app), role)


def to_foreground(story: Story, app: Actor) -> int:
    """The app comes to the front."""
    role_of(story, app, "UserInteractiveFocal")
    calculated(story, app, "running-active", "UserInteractiveFocal", visible=True)
    fan_out(story, app, "running-active", visible=True)
    when = springboard_state(story, app, "Foreground")
    story.entered(app, "foreground", when)
    return when


def to_background(story: Story, app: Actor) -> int:
    """The app leaves the front and goes on running; return the time."""
    when = springboard_state(story, app, "Background")
    story.entered(app, "background", when)
    role_of(story, app, "NonUserInteractive")
    calculated(story, app, "running-active", "NonUserInteractive")
    fan_out(story, app, "running-active")
    return when


def suspend(story: Story, app: Actor) -> int:
    """Freeze the app; return the time."""
    when = _rb(story, "%{public}@ Suspending task.", story.handle(app))
    story.entered(app, "suspended", when)
    shut = _rb(story, "%{public}@ Shutdown sockets (%s)", story.handle(app), Static("ALL"), category="process")
    if app.bundle == APP_BUNDLE:
        story.sockets_shut.append(shut)
    role_of(story, app, "None")
    calculated(story, app, "running-suspended", "None")
    fan_out(story, app, "running-suspended")
    return when


def resume(story: Story, app: Actor) -> int:
    """Thaw the app in the background; return the time."""
    when = _rb(story, "%{public}@ Resuming task.", story.handle(app))
    story.entered(app, "background", when)
    role_of(story, app, "Background")
    calculated(story, app, "running-active", "Background")
    fan_out(story, app, "running-active")
    return when


def terminate(story: Story, app: Actor, *, requestor: str, domain: int, code: int, context: str, exit_name: str) -> int:
    """Kill the app with a RunningBoard termination context; return the time of the context line."""
    shown = f"<RBSTerminateContext| domain:{domain} code:0x{code:08X} {context}>"
    _rb(
        story, "Received termination request from %{public}@ on %{public}@ with context %{public}@",
        requestor, f"<RBSProcessPredicate <RBSProcessHandlePredicate| {story.handle(app)}>>", shown, category="connection",
    )  # fmt: skip
    when = _rb(story, "%{public}@ Terminating with context: %{public}@", story.handle(app), shown, category="process")
    _rb(story, "%{public}@ terminate_with_reason() success", story.handle(app), category="process")
    story.wait(0.011)
    gone(story, app, domain=domain, code=code, exit_name=exit_name)
    return when


def gone(story: Story, app: Actor, *, domain: int, code: int, exit_name: str) -> None:
    """The process has ended: launchd's word, RunningBoard's and SpringBoard's bookkeeping."""
    story.entered(app, "not_running", story.now_ns)
    _rb(
        story,
        "%{public}@ termination reported by launchd (%u, %llu, %u)",
        story.handle(app),
        domain,
        code,
        code if domain == 2 else 0,
    )
    _rb(story, "Removing process: %{public}@", story.handle(app), category="process")
    _rb(story, "Removing assertions for terminated process: %{public}@", story.handle(app), category="process")
    calculated(story, app, "none", "None")
    story.say(
        story.actor("SpringBoard"), "%{public}@ Process exited: %{public}@.", story.handle(app),
        f"<RBSProcessExitStatus| domain:{exit_name}({domain}) code:0x{code:X}>",
        subsystem=_FRONTBOARD, category="Process", library="FrontBoard",
    )  # fmt: skip
    springboard_state(story, app, "Unknown", task="Not Running")


def daemon_gone(story: Story, label: str, daemon: str) -> int:
    """A daemon has ended by a crash (signal 6); return the time."""
    handle = story.service(label, daemon)
    when = _rb(story, "%{public}@ termination reported by launchd (%u, %llu, %u)", handle, 2, 6, 6)
    _rb(story, "Removing process: %{public}@", handle, category="process")
    _rb(story, "Removing assertions for terminated process: %{public}@", handle, category="process")
    return when


def acquire(story: Story, app: Actor, originator: str, name: str, attributes: str, *, by: int) -> str:
    """Take an assertion on the app; return its id."""
    assertion = story.assertion_id(by)
    _rb(
        story, "Acquiring assertion targeting %{public}@ from originator %{public}@ with description %{public}@",
        story.handle(app), originator,
        f'<RBSAssertionDescriptor| "{name}" ID:{assertion} target:{app.pid} attributes:[\n\t{attributes}\n\t]>',
    )  # fmt: skip
    return assertion


def invalidate(story: Story, app: Actor, originator: str, assertion: str) -> int:
    """Give an assertion up."""
    return _rb(
        story, "Invalidating assertion %{public}@ from originator %{public}@",
        f"{assertion} (target:{story.handle(app)})", originator,
    )  # fmt: skip


def expire(story: Story, app: Actor, assertion: str) -> int:
    """An assertion ran out of time; return when. Seen on iOS 26.4."""
    return _rb(
        story,
        "Assertion did invalidate due to timeout: %{public}@",
        f"{assertion} (target:{story.handle(app)})",
        category="assertion",
    )


def expiring(story: Story, app: Actor) -> int:
    """RunningBoard warns that the app's assertions end soon."""
    return _rb(story, "Assertions for process will expire soon: %{public}@", story.handle(app), category="process")
