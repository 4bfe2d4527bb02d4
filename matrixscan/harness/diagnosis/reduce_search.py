"""Searches for something small that still fails. They know nothing of graphs: `fails` answers, and costs a run."""


def largest_failing(count, fails):
    """Return the largest k of 0..count for which `fails(k)`, by bisection; 0 is known to fail.

    Where failing is not monotone the answer is one that fails, if not the largest.
    """
    if fails(count):
        return count
    low, high = 0, count
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fails(middle) else (low, middle)
    return low


def smallest_failing(count, fails):
    """Return the smallest k of 1..count for which `fails(k)`, by bisection; `count` is known to fail."""
    low, high = 0, count
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fails(middle) else (middle, high)
    return high


def most_removed(items, fails):
    """Return a maximal list of items such that `fails(that list)`; the empty list is known to fail.

    Items are tried in halves first (delta debugging), so that many that do not matter cost few runs.
    """
    removed = []

    def attempt(chunk):
        if not chunk:
            return
        if fails(removed + chunk):
            removed.extend(chunk)
        elif len(chunk) > 1:
            middle = len(chunk) // 2
            attempt(chunk[:middle])
            attempt(chunk[middle:])

    attempt(list(items))
    return removed


def deepest_failing(root, children, fails):
    """Return the deepest node of a tree that fails, going from `root`, which does, into the first child that does."""
    while True:
        found = next((child for child in children(root) if fails(child)), None)
        if found is None:
            return root
        root = found
