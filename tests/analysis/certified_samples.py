"""A scan of the sample records with two certifications, one that holds and one that does not."""

from matrixscan.analysis.certification import certification, measured
from matrixscan.analysis.landscape import landscape_of_view, standing_of
from matrixscan.analysis.recommended import Proof, recommended
from matrixscan.analysis.view import build_view
from matrixscan.matrix.types import Recommend
from matrixscan.records.types import Lock


def judged(record, keys):
    """Return a record judged by itself, as `commands.known` does it."""
    view = build_view("default", "", [(record.id, record.axes)], [record])
    (cell,) = view.cells
    return measured(record, cell, keys), standing_of(cell, keys, record.finished, controlled=True)


def proof(samples, landscape, scan, name, *again):
    """Return the proof that certifications are; each is what differs from the scan's record, the last one last."""
    records = [samples.replace(scan[name], finished="2025-02-01T12:00:00Z", **fields) for fields in again]
    cells = {cell.id: cell for cell in samples.scan(list(scan.values())).cells}
    pairs = [judged(record, landscape.keys) for record in records]
    first = measured(scan[name], cells[name], landscape.keys)
    return Proof(certification(name, first, [one for one, _ in pairs]), records[-1], pairs[-1][1])


def scanned(samples):
    """Return the records of the scan by id, and what they say."""
    newer = samples.case(lane=("dynamo", 18))
    good = samples.record(samples.NO_INSTALL, [newer, samples.case(lane=("dynamo", 18), size=samples.SIZES[1])])
    good = samples.replace(good, lock=Lock("1" * 64, "r.txt", "pypi", {"torch": "2.9.0", "numpy": "2.3.1"}))
    records = {record.id: record for record in [*samples.samples()[:-1], good]}
    view = samples.scan(list(records.values()))
    return records, landscape_of_view(view, {name: record.finished for name, record in records.items()})


def sample(samples, settings=None):
    """Return what is recommended where the older combination holds and the newer one does not."""
    records, landscape = scanned(samples)
    wrong = samples.mismatch(0.5, lane=("dynamo", 18))
    proofs = [
        proof(samples, landscape, records, samples.PASSED, {}),
        proof(
            samples, landscape, records, samples.NO_INSTALL, {"cases": (wrong, records[samples.NO_INSTALL].cases[1])}
        ),
    ]
    found = recommended(landscape, proofs, settings or Recommend(), {}, ("something differs",))
    packages = {each.record.id: each.record.lock.packages for each in proofs}
    return found, packages
