"""Errors that readers raise, in one small hierarchy.

Every message names what is wrong, where, and what the user can do; the command line prints it as one line.

    TraceviewError
    ├── InputError            the capture cannot be used at all (exit code 2)
    │   ├── UnknownFormatError    no reader recognises it
    │   └── UnsafeInputError      it breaks a safety limit (bomb, path escape, nesting)
    └── UsageError            the options contradict each other or the capture (exit code 2)

Damage *inside* a readable capture is no error: it becomes a row in ``problems``.
"""


class TraceviewError(Exception):
    """Base of all errors that a user can act on."""


class InputError(TraceviewError):
    """The capture cannot be read at all."""


class UnknownFormatError(InputError):
    """No reader recognises the input."""


class UnsafeInputError(InputError):
    """The input breaks a safety limit."""


class UsageError(TraceviewError):
    """Options contradict each other or the capture."""
