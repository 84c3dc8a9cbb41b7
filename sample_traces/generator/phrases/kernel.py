"""The kernel on memory: limits and kills.

Formats: xnu, iOS 12 to 18.4; both lines were reworded in 18.4, and that 26 prints the words of 18.4 is inferred.
"""

from generator.story import Actor, Story
from generator.values import Static


def memory_limit(story: Story, app: Actor, megabytes: int) -> int:
    """The app is above a limit that is fatal; return the time."""
    text = "memorystatus: %s [%d] exceeded mem limit: %s%s %d MB (%s)"
    if story.os.ios < 18:
        text = "EXC_RESOURCE -> %s[%d] exceeded mem limit: %s%s %d MB (%s)"
    return story.say(
        story.actor("kernel"), text, Static(app.name), app.pid, Static("Active"), Static("Hard"), megabytes, Static("fatal")
    )  # fmt: skip


def jetsam(story: Story, app: Actor, reason: str, kilobytes: int) -> int:
    """The app is killed; return the time."""
    kernel = story.actor("kernel")
    if story.os.ios >= 18:
        return story.say(
            kernel,
            "%lu.%03d memorystatus: killing_specific_process pid %d [%s] (%s %d %llus rf:%s type:%s) %lluKB - memorystatus_available_pages: %llu",
            3_647, 112, app.pid, Static(app.name), Static(reason), 3, 42, Static("-"), Static("app"), kilobytes, 91_244,
        )  # fmt: skip
    return story.say(
        kernel,
        "%lu.%03d memorystatus: killing_specific_process pid %d [%s] (%s %d) %lluKB - memorystatus_available_pages: %llu",
        3_647, 112, app.pid, Static(app.name), Static(reason), 3, kilobytes, 91_244,
    )  # fmt: skip
