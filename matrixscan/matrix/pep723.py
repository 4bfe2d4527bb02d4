"""Find the PEP 723 `script` block of a Python file by its comment lines alone."""

from __future__ import annotations

from matrixscan.matrix.problems import Problems

_OPEN = "# /// script"
_CLOSE = "# ///"


def script_block(text: str, problems: Problems) -> str | None:
    """Return the TOML of the block, on the line numbers of the file, or note why there is none."""
    lines = text.split("\n")
    starts = [at for at, line in enumerate(lines) if line.rstrip() == _OPEN]
    if not starts:
        problems.add("", f"no PEP 723 block; begin the file with {_OPEN!r} and a [tool.matrixscan] table")
        return None
    start = starts[0]
    end = _end(lines, start)
    if end is None:
        problems.add(f"line {start + 1}", f"the PEP 723 block is not closed; end it with {_CLOSE!r}")
        return None
    for extra in starts[1:]:
        if extra > end:
            problems.add(f"line {extra + 1}", "a second PEP 723 script block; a file may have one")
    # The empty lines in front make the TOML parser count as the author's editor does.
    return "\n" * (start + 1) + "".join(line[2:] + "\n" for line in lines[start + 1 : end])


def _end(lines: list[str], start: int) -> int | None:
    """Return the last closing line of the run of comments: PEP 723 lets `# ///` occur inside."""
    end = None
    for at in range(start + 1, len(lines)):
        line = lines[at].rstrip()
        if line != "#" and not line.startswith("# "):
            break
        if line == _CLOSE:
            end = at
    return end
