"""Says of a failing case where it goes wrong: facts from further runs of the same artifact, which no verdict needs.

These files are no part of the digest that records are keyed by: changing them measures nothing again.
"""
