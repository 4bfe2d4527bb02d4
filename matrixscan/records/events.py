"""Events to facts, also for a harness that died: what was reached, what remains, whose fault a death was."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec

from matrixscan.harness.protocol import CASE_STAGES, share_key

Event = dict[str, Any]

_PATIENCE = 2
_OF_THE_RUNNER = CASE_STAGES[CASE_STAGES.index("load") :]


def read_events(path: Path) -> list[Event]:
    """Return the whole events of a file, up to the first line that is not one."""
    return list(whole_events(path.read_bytes())) if path.is_file() else []


def whole_events(text: bytes) -> Iterator[Event]:
    """Yield the events of whole lines; a line cut short by a kill, or damaged, and all after it are left out."""
    for line in text.split(b"\n")[:-1]:
        event = _decoded(line)
        if event is None:
            return
        yield event


def _decoded(line: bytes) -> Event | None:
    try:
        event = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None


def append_event(path: Path, event: Mapping[str, Any]) -> None:
    """Append an event of the host's; only called while no harness writes. What is not a whole event is cut off."""
    with path.open("a+b") as file:
        file.seek(0)
        lines = file.read().splitlines(keepends=True)
        whole = list(itertools.takewhile(lambda line: line.endswith(b"\n") and _decoded(line) is not None, lines))
        file.truncate(sum(map(len, whole)))
        file.seek(0, 2)
        file.write(msgspec.json.encode(event) + b"\n")


class Fold:
    """What a sequence of events amounts to."""

    def __init__(self) -> None:
        self.done: dict[str, Event] = {}  # case id -> its `done` event
        self.deaths: list[Event] = []
        self.imported: Event | None = None
        self._probes: dict[str, str] = {}
        self._open: Event | None = None  # last `started` of a case without an end
        self._stage = ""
        self._said_hello = False

    @classmethod
    def of(cls, events: Iterable[Event]) -> Self:
        """Fold events in the order in which they were appended."""
        fold = cls()
        for event in events:
            step = getattr(fold, "_on_" + event["event"], None)
            if step is not None:
                step(event)
        return fold

    @property
    def import_failed(self) -> bool:
        """Whether the packages under test could not be imported, or are not the requested ones."""
        return self.imported is not None and self.imported["outcome"] != "passed"

    def measured(self, probe: str) -> str | None:
        """Return the digest of the probe its cases were measured with."""
        return self._probes.get(probe)

    def outcome_of(self, case: Mapping[str, Any]) -> Event | None:
        """Return the end of a case: its own, or the death of work it shares; None while it has none."""
        if case["id"] in self.done:
            return self.done[case["id"]]
        for death in self.deaths:
            if share_key(case, death["stage"]) == death["share"] or case["id"] == death["case"]:
                return death if case["id"] == death["case"] else {**death, "case": case["id"], "seconds": {}}
        return self._given_up(case)

    def _given_up(self, case: Mapping[str, Any]) -> Event | None:
        """Return an outcome for what is left of a variant that hung more than once: each try costs the whole limit."""
        model = share_key(case, "build") + "/"
        hung = [
            death
            for death in self.deaths
            if death["outcome"] == "timed_out" and death["case"].startswith(model) and _concerns(death, case)
        ]
        if len(hung) < _PATIENCE:
            return None
        words = f"{_PATIENCE} cases of this variant hung at {hung[-1]['stage']}; the rest was not tried"
        error = {"type": "GivenUp", "message": words}
        end = {"case": case["id"], "stage": hung[-1]["stage"], "error": error}
        return end | {"outcome": "skipped", "reason": "given_up"}

    def attribute(self, end: Mapping[str, Any], remaining: Sequence[Mapping[str, Any]], *, again: bool) -> Event | None:
        """Say whose fault the end of a process was: an event to append, or None if it ended as it should.

        No `bye` means that what was being worked on died, whatever the exit code.

        Args:
            end: outcome and circumstances of the process's end.
            remaining: the cases it was asked for.
            again: an earlier process was asked for the same cases and finished none; then the first is to blame,
                or the harness would be started for ever.
        """
        if not self._said_hello:
            # The harness itself never ran, so nothing is known about the packages.
            error = _death_error(end)
            return {"event": "stage", "stage": "import", "outcome": "infra", "error": error, "seconds": end["spent"]}
        if self.imported is None:
            return {
                "event": "stage",
                "stage": "import",
                "error": _death_error(end),
                "seconds": end["spent"],
                **_outcome(end),
            }
        if self._open is None and not again:
            return None
        blamed = self._open["case"] if self._open is not None else remaining[0]["id"]
        case = next(case for case in remaining if case["id"] == blamed)
        stage = self._stage or "build"
        return {
            "event": "died",
            "case": case["id"],
            "stage": stage,
            "share": share_key(case, stage),
            "seconds": {stage: end["spent"]},
            "error": _death_error(end),
            **({"witness": case["runner"]} if case.get("witness") else {}),
            **_outcome(end),
        }

    def _on_request(self, event: Event) -> None:
        for name, digest in event["probes"].items():
            if self._probes.get(name, digest) != digest:
                self.done = {key: end for key, end in self.done.items() if not key.startswith(f"{name}/")}
                self.deaths = [death for death in self.deaths if not death["case"].startswith(f"{name}/")]
            self._probes[name] = digest

    def _on_retry(self, _: Event) -> None:
        """Another attempt begins: trouble with the machine or the network is no longer an answer."""
        self.done = {key: end for key, end in self.done.items() if end["outcome"] != "infra"}
        if self.imported is not None and self.imported["outcome"] == "infra":
            self.imported = None

    def _on_start(self, _: Event) -> None:
        self.imported, self._open, self._stage, self._said_hello = None, None, "", False

    def _on_hello(self, _: Event) -> None:
        self._said_hello = True

    def _on_stage(self, event: Event) -> None:
        if event["stage"] == "import":
            self.imported = event
        else:
            self._stage = event["stage"]

    def _on_case(self, event: Event) -> None:
        if event["state"] == "started":
            self._open, self._stage = event, ""
        else:
            self.done[event["case"]] = event
            self._open = None

    def _on_note(self, event: Event) -> None:
        """Add what was found out about a case after its outcome."""
        if event["case"] in self.done:
            end = self.done[event["case"]]
            self.done[event["case"]] = {**end, "facts": {**end.get("facts", {}), **event["facts"]}}

    def _on_died(self, event: Event) -> None:
        self.deaths.append(event)
        self._open = None


def _concerns(death: Event, case: Mapping[str, Any]) -> bool:
    """Tell whether a death says anything of a case: a witness that dies while it runs says nothing of other runners."""
    return death["stage"] not in _OF_THE_RUNNER or death.get("witness", case["runner"]) == case["runner"]


def _outcome(end: Mapping[str, Any]) -> dict[str, Any]:
    return {"outcome": end["outcome"], "reason": "memory" if "memory_gib" in end else None}


def _death_error(end: Mapping[str, Any]) -> dict[str, str]:
    if end["outcome"] == "timed_out":
        return {"type": "Timeout", "message": f"gave up after {end['allowed']:g} s"}
    if "memory_gib" in end:
        return {"type": "OutOfMemory", "message": f"outgrew {end['memory_gib']:g} GiB of resident memory"}
    code = end["returncode"]
    if code < 0:
        name = signal.Signals(-code).name if -code in list(signal.Signals) else f"signal {-code}"
        return {"type": name, "message": f"the process was ended by {name}"}
    return {"type": "ProcessExit", "message": f"the process ended with exit code {code} before it was done"}
