"""What keeps an app from being suspended: calls, audio sessions, background tasks, location, pushes, other assertions.

What an assertion is for is told by who takes it and by its name: real iOS 15 to 26 lines show UIKit's ``Shared
Background Assertion 0 for com.acme.voip``, callservicesd's ``CSDVoIPProcessAssertion``; other daemons are recognised by
their names. An assertion of any other kind is named, but what it grants is not known.
"""

from typing import Final

import polars as pl

_CLASSES: Final = (
    ("background_task", r"shared background assertion|finishtask|backgroundtask|bgtask|\bdasd\b|duet"),
    ("push", r"voip|\bapsd\b|pushkit|usernotification"),
    ("call", r"callservicesd|callkit|telephony"),
    ("location", r"location|corelocation"),
    ("audio", r"audiomxd|mediaserverd|mediaplayback|mediaexperience|audio"),
    ("transfer", r"nsurlsession"),
    ("bluetooth", r"bluetooth"),
)
OTHER: Final = "assertion"
_OF_THE_SCREEN: Final = (
    r"^(?:FBApplicationProcess|FBScene|FBWorkspace \((?:Foreground|Suspended)|AppVisible|AppDrawing|RB Underlying"
    r"|(?:frontmost|uielement|notification|foregroundApp|backgroundApp):)"
)
"""Names of assertions that the system holds for as long as a process lives or shows: a suspended app has them too."""
_TASKS: Final = r"^Shared Background Assertion"
"""UIKit's assertion behind an app's background tasks, which stand for themselves."""
NAMES: Final = {"background_task": "background task", "audio": "audio session", "transfer": "background transfer"}
"""Classes in words, where they differ."""


def class_of_assertion(*texts: pl.Expr) -> pl.Expr:
    """Expression: the class of an assertion by the texts that tell of it (name, originator, domain)."""
    told = pl.concat_str([text.fill_null("") for text in texts], separator=" ").str.to_lowercase()
    chosen = pl.lit(OTHER)
    for name, pattern in reversed(_CLASSES):
        chosen = pl.when(told.str.contains(pattern)).then(pl.lit(name)).otherwise(chosen)
    return chosen


def may_hold(name: pl.Expr) -> pl.Expr:
    """Expression: an assertion of this name may keep its process from being suspended, and is nothing counted elsewhere."""
    return ~(name.str.contains(_OF_THE_SCREEN) | name.str.contains(_TASKS)).fill_null(value=False)


def in_words(kind: pl.Expr, name: pl.Expr) -> pl.Expr:
    """Expression: the holder for people, such as ``background task: upload``."""
    return kind.replace(NAMES) + pl.coalesce(pl.lit(": ") + name, pl.lit(""))
