"""A scan on many machines: what each of them does, and nothing old in place of what one of them did not do."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from matrixscan.commands.factored import is_factored, sides_of
from matrixscan.commands.request import Outcome, Plans, Request, load_plans, places
from matrixscan.commands.wide import environments_of
from matrixscan.errors import DamagedFileError, NothingSelectedError, UnknownNameError
from matrixscan.plan.shards import LARGEST, Shard, Work, cut
from matrixscan.store.published import CASES
from matrixscan.store.reports import Reports
from matrixscan.store.sides import EXPORTS, RUNS

_FORMATS = ("json", "github")

#: The sessions that measure, by the name under which a noxfile registers them: those on which others wait come apart.
_FIRST = "export_side"
_MEASURING = (_FIRST, "run_side", "cell")

#: In a published folder: what was measured. Everything else is a lock, was asked for, or is derived.
_MEASURED = ("records", "logs", "pictures", CASES, EXPORTS, RUNS)


class _Session(msgspec.Struct):
    """What `nox -l --json` says of a session, as far as it matters here."""

    session: str
    name: str
    call_spec: dict[str, Any] = {}


class Sharded(msgspec.Struct, frozen=True):
    """A matrix cut into shards: those that export for others, and all others."""

    matrix: str
    exports: tuple[Shard, ...]
    cells: tuple[Shard, ...]


def shards(request: Request, count: int, listing: Path | None = None, *, form: str = "json") -> Outcome:
    """Cut the sessions of a matrix into shards.

    Args:
        request: The matrix and its filters.
        count: The most shards of either kind.
        listing: What `nox -l --json -- MATRIX` printed; without it the sessions are called as register() does.
        form: `json`, or `github`: lines `name=value` for a job's outputs, of which lists of shards are values for
            `strategy.matrix`; empty where there are none, which no matrix may be.

    Raises:
        UnknownNameError: there is no such format.
        DamagedFileError: the listing is none.
        NothingSelectedError: the listing has no session of this matrix.
    """
    if form not in _FORMATS:
        raise UnknownNameError("format", form, _FORMATS)
    plans = load_plans(request)
    sessions = dict(_planned(plans) if listing is None else _listed(plans, listing))
    if not sessions:
        raise NothingSelectedError(f"no session of {request.matrix} is listed", "list them with the same matrix")
    environments = [cell for cell in environments_of(plans.selected, plans.full) if cell.id in sessions]
    work = {cell.id: Work(sessions[cell.id].session, cell.id, cell.axes.get(LARGEST, "")) for cell in environments}
    first = [one for name, one in work.items() if sessions[name].name.endswith(_FIRST)]
    others = [one for one in work.values() if one not in first]
    found = Sharded(plans.full.matrix.name, cut(first, count), cut(others, count))
    return Outcome(_lines(found) if form == "github" else f"{msgspec.json.encode(found).decode()}\n", 0)


def _planned(plans: Plans) -> Iterator[tuple[str, _Session]]:
    factored = is_factored(plans)
    exports = {cell.id for cell in sides_of(plans.selected, plans.full).exports} if factored else set()
    for cell in environments_of(plans.selected, plans.full):
        kind = "cell" if not factored else _FIRST if cell.id in exports else "run_side"
        yield cell.id, _Session(f"{kind}({cell.id})", kind)


def _listed(plans: Plans, listing: Path) -> Iterator[tuple[str, _Session]]:
    try:
        found = msgspec.json.decode(listing.read_bytes(), type=list[_Session])
    except msgspec.MsgspecError as error:
        raise DamagedFileError(listing, str(error), "write it with: nox -l --json -- MATRIX") from None
    known = {cell.id for cell in environments_of(plans.selected, plans.full)}
    for session in found:
        cell = session.call_spec.get("combination")
        if cell in known and session.name.endswith(_MEASURING):
            yield cell, session


def _lines(found: Sharded) -> str:
    def value(some: Sequence[Shard]) -> str:
        return msgspec.json.encode({"include": some}).decode() if some else ""

    return f"name={found.matrix}\nexports={value(found.exports)}\ncells={value(found.cells)}\n"


def forget(request: Request, keep: Collection[str] = ()) -> Outcome:
    """Delete what is published of a matrix's measurements, so that nothing old stands for what is not measured.

    Args:
        request: The matrix.
        keep: Environments whose locks stay, so that the same packages are installed again; all when empty. With those
            that a machine measures, it leaves nothing in the folder but what is its own, and the folders of several
            can be put together.
    """
    plans = load_plans(request)
    reports = Reports(places().reports, plans.full.matrix.name)
    gone = [path for path in (reports.folder / name for name in _MEASURED) if path.exists()]
    for path in gone:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    probes = (None, *(probe.name for probe in plans.full.measured_probes))
    kept = {reports.lock_path(cell, probe) for cell in keep for probe in probes}
    others = [path for path in (reports.folder / "locks").glob("*.txt") if kept and path not in kept]
    for path in others:
        path.unlink()
    names = [path.relative_to(reports.folder.parent).as_posix() for path in gone]
    names += [f"{len(others)} locks of others"] if others else []
    return Outcome(f"deleted: {', '.join(names) or 'nothing'}\n", 0)
