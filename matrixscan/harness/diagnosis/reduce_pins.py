"""Which installed packages a script needs: those named, and what these require, as far as it is installed."""

import re

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def pins(roots):
    """Return name -> version of the installed packages `roots` and of everything they require."""
    found, todo = {}, list(roots)
    while todo:
        name = _normal(todo.pop())
        distribution = None if name in found else _installed(name)
        if distribution is not None:
            found[name] = distribution.version
            todo += [_NAME.match(text).group() for text in distribution.requires or () if not _optional(text)]
    return found


def names_in(folders):
    """Return the names of the packages that are installed in folders."""
    from importlib import metadata

    return [found.metadata["Name"] for found in metadata.distributions(path=list(folders))] if folders else []


def _optional(requirement):
    return re.search(r";.*\bextra\b", requirement) is not None


def _normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def _installed(name):
    from importlib import metadata

    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
