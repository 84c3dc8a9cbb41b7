"""Makes synthetic captures: an encoder of Apple's log formats, and the stories that are told with it.

``archive.Archive`` writes a whole ``.logarchive``; ``layouts`` print the same records as text; ``scenarios`` hold the stories.
"""
