"""A scan for GitHub's workflows: annotations (workflow commands) and the summary of a job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from matrixscan.analysis.judge import BAD, GOOD, UNKNOWN
from matrixscan.analysis.table import cell_text
from matrixscan.analysis.view import CellView, ScanView
from matrixscan.reporters._workflow_commands import annotation

ERROR, WARNING, NOTICE = "error", "warning", "notice"

#: Annotations of one level that GitHub keeps of a step.
MOST_ANNOTATIONS = 10
#: Bytes of the summary that GitHub takes of a step; a longer one is dropped whole.
MOST_BYTES = 1024 * 1024
_ROOM = 4096  # bytes left for others who write into the same summary

_CUT = "\n\n**Cut here: GitHub shows no more of a summary. The whole is among the files of the run.**\n"


class Note(msgspec.Struct, frozen=True):
    """One annotation; `line` counts from 1, 0 for none."""

    level: str
    title: str
    text: str
    line: int = 0


def notes_of(view: ScanView, expected: Collection[str] = (), lines: Mapping[str, int] | None = None) -> Iterator[Note]:
    """Yield what there is to say of combinations that are not good; nothing of those that cannot be.

    Args:
        view: The scan.
        expected: Ids of combinations that ought to be good.
        lines: Line of the matrix file that names a combination.
    """
    for cell in view.cells:
        if cell.verdict == GOOD:
            continue
        line = (lines or {}).get(cell.id, 0)
        if cell.id in expected:
            yield Note(ERROR, f"{cell.id} is expected to be good and is {cell.verdict}", _why(view, cell), line)
        elif cell.verdict != BAD:
            yield Note(WARNING, f"{cell.id} is {cell.verdict}", _why(view, cell), line)
        elif cell.outcome != "infeasible":
            yield Note(NOTICE, f"{cell.id} is bad", _why(view, cell), line)


def _why(view: ScanView, cell: CellView) -> str:
    shown = {
        subject.key: cell_text(cell.findings[subject.key])
        for subject in view.subjects
        if subject.judged and subject.first and cell.findings[subject.key].verdict == cell.verdict
    }
    if len(set(shown.values())) == 1:
        return next(iter(shown.values()))
    if not shown:
        return cell.error.message if cell.error else cell.outcome
    return "\n".join(f"{key}: {text}" for key, text in shown.items())


def not_run(ids: Sequence[str]) -> Iterator[Note]:
    """Yield a warning about each combination of which nothing is known at all."""
    for cell in ids:
        yield Note(WARNING, f"{cell} is {UNKNOWN}", "not run")


def render_annotations(notes: Sequence[Note], file: str) -> str:
    """Return workflow commands, those of one level as many as GitHub keeps; the last says how many are not shown."""
    lines = []
    for level in (ERROR, WARNING, NOTICE):
        some = [note for note in notes if note.level == level]
        over = len(some) - MOST_ANNOTATIONS
        if over > 0:
            some = some[: MOST_ANNOTATIONS - 1]
            some.append(Note(level, f"and {over + 1} more", "The summary of the job and the reports list all of them."))
        lines += [_command(note, file) for note in some]
    return "".join(lines)


def _command(note: Note, file: str) -> str:
    keys = {"file": file, **({"line": str(note.line)} if note.line else {}), "title": note.title}
    return annotation(note.level, note.text, keys)


def counted(verdicts: Sequence[str]) -> str:
    """Return `3 good, 1 bad, 0 unknown`."""
    found = Counter(verdicts)
    return ", ".join(f"{found[word]} {word}" for word in (GOOD, BAD, UNKNOWN))


def render_job_summary(head: str, page: str) -> str:
    """Return the summary of a job as Markdown, cut at a line where it is longer than GitHub takes.

    Args:
        head: One sentence that comes first.
        page: A report in Markdown.
    """
    text = f"**{head}**\n\n{page}"
    if len(text.encode()) <= MOST_BYTES - _ROOM:
        return text
    kept = text.encode()[: MOST_BYTES - _ROOM - len(_CUT)].decode(errors="ignore")
    return kept.rpartition("\n")[0] + _CUT
