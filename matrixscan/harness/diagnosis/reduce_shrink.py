"""Makes the data of a reduced graph smaller, as long as it goes on to fail and what is right remains known."""

import itertools

import numpy as np

from .reduce_values import agrees

#: Data of fewer elements than this is small.
_SMALL = 64
_DECIMALS = (0, 1, 2)


class Piece:
    """A reduced graph: the model, what it is given, its one output with the right and the wrong value.

    `run(feeds)` returns what the runner makes of the output, or None; `deviates(actual, expected)` judges it.
    `judge(feeds)` returns what ONNX's reference evaluator makes of it, or None where it is not known to be right.
    """

    def __init__(self, feeds, expected, actual, run, deviates, judge):
        self.feeds, self.expected, self.actual = feeds, expected, actual
        self.run, self.deviates, self.judge = run, deviates, judge
        self.judged = False  # whether the expected value is the evaluator's by now

    def accept(self, feeds, expected, judged):
        """Take other data if the runner is wrong on it too; return whether it is."""
        if expected is None:
            return False
        actual = self.run(feeds)
        if actual is None or not self.deviates(actual, expected):
            return False
        self.feeds, self.expected, self.actual, self.judged = feeds, expected, actual, self.judged or judged
        return True


def shrink(piece):
    """Make a piece's data smaller in place: of independent rows the worst, then less of each axis, then rounder."""
    for axis in range(piece.expected.ndim):
        _slice_independent(piece, axis)
    if piece.judge is None:
        return
    for name, axis in [(name, axis) for name, array in sorted(piece.feeds.items()) for axis in range(array.ndim)]:
        _shorten(piece, name, axis)
    for decimals in _DECIMALS:
        rounded = {name: _rounded(array, decimals) for name, array in piece.feeds.items()}
        if piece.accept(rounded, piece.judge(rounded), judged=True):
            return


def shrink_failing(feeds, fails):
    """Return data with shorter axes, and zeros where it may be zero, that `fails` like the data given."""
    for name, axis in [(name, axis) for name, array in sorted(feeds.items()) for axis in range(array.ndim)]:
        while feeds[name].size > _SMALL and feeds[name].shape[axis] > 1:
            shorter = _taken(feeds[name], axis, slice(0, feeds[name].shape[axis] // 2))
            if not fails({**feeds, name: shorter}):
                break
            feeds = {**feeds, name: shorter}
    for name, array in sorted(feeds.items()):
        zeros = {**feeds, name: np.zeros_like(array)}
        feeds = zeros if array.size > 1 and fails(zeros) else feeds
    return feeds


def _slice_independent(piece, axis):
    """Keep one index of an axis along which every index is computed by itself, which the runner's own output shows."""
    length = piece.expected.shape[axis] if axis < piece.expected.ndim else 0
    if length < 2 or piece.actual.shape != piece.expected.shape:  # noqa: PLR2004  one is as few as there can be
        return
    error = np.abs(piece.actual.astype(np.float64) - piece.expected.astype(np.float64))
    error = np.nan_to_num(error, nan=np.inf)
    at = int(np.unravel_index(np.argmax(error), error.shape)[axis])
    keep = slice(at, at + 1)
    feeds = {name: _cut(array, axis, keep, length) for name, array in piece.feeds.items()}
    if all(feeds[name] is array for name, array in piece.feeds.items()):
        return
    expected, before = _taken(piece.expected, axis, keep), _taken(piece.actual, axis, keep)
    actual = piece.run(feeds)
    if actual is not None and actual.shape == before.shape and agrees(actual, before):
        piece.accept(feeds, expected, judged=False)


def _cut(array, axis, keep, length):
    return _taken(array, axis, keep) if array.ndim > axis and array.shape[axis] == length else array


def _taken(array, axis, keep):
    return np.ascontiguousarray(array[(slice(None),) * axis + (keep,)])


def _shorten(piece, name, axis):
    """Take the beginning of an axis, as short as it goes: halves first, then one less at a time."""
    while piece.feeds[name].size > _SMALL and piece.feeds[name].shape[axis] > 1:
        half = piece.feeds[name].shape[axis] // 2
        if not _accept_length(piece, name, axis, half):
            break
    for _ in itertools.takewhile(lambda _: piece.feeds[name].size > 1, range(8)):
        if not _accept_length(piece, name, axis, piece.feeds[name].shape[axis] - 1):
            return


def _accept_length(piece, name, axis, length):
    if length < 1:
        return False
    feeds = dict(piece.feeds)
    feeds[name] = _taken(feeds[name], axis, slice(0, length))
    return piece.accept(feeds, piece.judge(feeds), judged=True)


def _rounded(array, decimals):
    return np.round(array, decimals) if array.dtype.kind == "f" else array
