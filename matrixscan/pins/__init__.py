"""A user's own pins: read from what a project keeps them in, and written back. Nothing here runs the user's code."""
