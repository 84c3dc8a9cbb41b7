"""What iOS prints when something happens: groups of lines, one module per part of the system.

Each function names the evidence for its wording: *seen* = a real line of a device in a public thread, *format* = the
format string of a decompiled build or of open source, *inferred* = the format is known, the release or the values are not.
"""
