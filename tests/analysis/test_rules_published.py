"""Every published rule, derived again from the records: plainly, and with none of the code that found it."""

import functools
import itertools
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from factored_samples import tables
from packaging.version import Version
from record_samples import samples

from matrixscan.analysis.controls import trusted
from matrixscan.analysis.flips import flips
from matrixscan.analysis.grid_files import read_published, trusted_tables
from matrixscan.analysis.judge import settle_cases
from matrixscan.analysis.rules_file import FindingRules, rules_file, rules_of_json, rules_text
from matrixscan.analysis.rules_grid import rulebook
from matrixscan.matrix.ids import combination_id
from matrixscan.store.published import published_records
from matrixscan.store.sides import EXPORTS

REPORTS = Path(__file__).parents[2] / "reports"
FOLDERS = sorted(path.name for path in REPORTS.iterdir() if path.is_dir())
BAD = {"failed", "crashed", "timed_out"}
FLIPS = [name for name in ("seeds", "eras", "default") if name in FOLDERS]


@functools.cache
def published_grid(folder):
    return read_published(REPORTS / folder)


@functools.cache
def flips_of(folder):
    return flips(published_grid(folder).grid)


@functools.cache
def book_of(folder):
    published = published_grid(folder)
    return rulebook(published.grid, [str(probe) for probe in published.about.get("judged", ())])


@pytest.fixture(scope="module", params=FOLDERS)
def published(request):
    file = REPORTS / request.param / "rules.json"
    found = rules_of_json(file.read_bytes()) if file.is_file() else rules_file(book_of(request.param), request.param)
    return request.param, found, evidence(request.param)


@functools.cache
def evidence(folder):
    """Return (axes, whether the environment could be used, its words, lane -> words of its cases) of every record."""
    if (REPORTS / folder / EXPORTS).is_file():
        return list(of_grid(published_grid(folder).grid))
    return [of_record(record) for record in trusted(published_records(REPORTS / folder)).records]


def of_record(record):
    broken = next((stage for stage in record.stages if stage.outcome != "passed"), None)
    lanes = defaultdict(list)
    for case in () if broken else settle_cases(record.cases):
        if not case.witness:
            lane = f"{case.exporter}/opset{case.opset}/{case.precision}/{case.runner}"
            lanes[case.probe, case.variant, lane].append((words(case.stage, case.outcome, case.reason), case.outcome))
    said = None if broken is None else (words(broken.stage, broken.outcome, None), broken.outcome)
    return dict(record.axes), said, lanes


def words(stage, outcome, reason):
    if outcome == "passed":
        return "ok"
    what = f"{outcome}, {reason}" if reason and outcome in {"crashed", "timed_out"} else reason or outcome
    return f"{stage}: {what}" if stage else what


def of_grid(grid):
    for row, codes in zip(grid.rows, grid.codes.tolist(), strict=True):
        lanes = defaultdict(list)
        outcome = grid.outcomes[codes[0]]
        for case, code in zip(grid.cases[1:], codes[1:], strict=True):
            if case.runner not in grid.witnesses and outcome == "passed":
                lane = f"{case.exporter}/opset{case.opset}/{case.precision}/{case.runner}"
                lanes[case.probe, case.variant, lane].append((grid.words[code], grid.outcomes[code]))
        yield row, None if outcome == "passed" else (grid.words[codes[0]], outcome), lanes


def label(row, finding, every):
    """Return 1, -1 or 0 of a (probe, variant) with some lanes in a row."""
    _, broken, lanes = row
    if finding.probe == "environment":
        if broken is None:
            return -1
        return int(broken[1] in BAD | {"infeasible"} and finding.finding in {"bad", broken[0]})
    own = [lanes.get((finding.probe, finding.variant, lane), []) for lane in every]
    cases = [case for lane in own for case in lane]
    if any(outcome in BAD and finding.finding in {"bad", word} for word, outcome in cases):
        return 1
    some = [lane for lane in own if {outcome for _, outcome in lane} != {"infeasible"}]
    return -1 if some and all(outcome == "passed" for lane in some for _, outcome in lane) and all(some) else 0


def holds(half, row):
    there = row.get(half.axis)
    if half.sign in {"absent", "present"}:
        return (there is None) == (half.sign == "absent")
    if there is None:
        return False
    return (Version(there) >= Version(half.version)) == (half.sign == ">=")


def lanes_of(rows):
    """Return (probe, variant) -> every lane of it."""
    found = defaultdict(set)
    for _, _, lanes in rows:
        for probe, variant, lane in lanes:
            found[probe, variant].add(lane)
    return found


def test_every_published_rule_has_the_counts_that_the_records_give(published):
    _, found, rows = published
    lanes = lanes_of(rows)
    for finding in found.findings:
        rules = found.rule_sets[finding.rule_set]
        for every in [[lane] for lane in finding.lanes] or [lanes[finding.probe, finding.variant]]:
            labels = [label(row, finding, every) for row in rows]
            counts = Counter(labels)
            assert (counts[1], counts[-1], counts[0]) == (rules.positives, rules.negatives, rules.silent), finding
            if rules.state == "rules":
                check_rules(rules, [row[0] for row in rows], labels)


def check_rules(rules, rows, labels):
    wanted = -1 if rules.inverse else 1
    covered = [any(all(holds(half, row) for half in rule.halves) for rule in rules.rules) for row in rows]
    for rule in rules.rules:
        own = [said for row, said in zip(rows, labels, strict=True) if all(holds(half, row) for half in rule.halves)]
        assert (own.count(wanted), own.count(-wanted)) == (rule.right, rule.wrong)
        for bound in rule.bounds:
            check_bound(bound, [half for half in rule.halves if half != bound.half], rows, labels)
    pairs = list(zip(covered, labels, strict=True))
    assert sum(said == wanted and not cover for cover, said in pairs) == len(rules.missed)
    assert sum(said == -wanted and cover for cover, said in pairs) == len(rules.wrong)


def check_bound(bound, others, rows, labels):
    """The named releases are the nearest ones that say something, and other axes would do as well."""
    within = [row for row, said in zip(rows, labels, strict=True) if said and all(holds(half, row) for half in others)]
    inside = [row for row in within if holds(bound.half, row)]
    outside = [row for row in within if not holds(bound.half, row)]
    assert inside
    assert outside
    for instead in bound.instead:
        assert [row for row in within if holds(instead, row)] == inside
    if bound.half.sign in {"absent", "present"}:
        return
    axis = bound.half.axis
    own = [Version(row[axis]) for row in inside]
    other = [Version(row[axis]) for row in outside if axis in row]
    near, far = (min(own), max(other)) if bound.half.sign == ">=" else (max(own), min(other))
    assert (Version(bound.inside), Version(bound.outside)) == (near, far)
    every = {Version(row[axis]) for row in rows if axis in row}
    between = {version for version in every if min(near, far) < version < max(near, far)}
    assert {Version(version) for version in bound.silent} == between


def test_every_probe_and_every_bad_word_of_the_records_is_told(published):
    _, found, rows = published
    told = {(finding.probe, finding.variant, finding.finding) for finding in found.findings if not finding.lanes}
    for _, broken, lanes in rows:
        if broken is not None and broken[1] in BAD:
            assert ("environment", "", broken[0]) in told
        for (probe, variant, _), cases in lanes.items():
            assert (probe, variant, "bad") in told
            assert {(probe, variant, word) for word, outcome in cases if outcome in BAD} <= told


def test_what_is_published_is_what_is_found_today(published):
    name, found, _ = published
    if (REPORTS / name / "rules.json").is_file():
        assert (REPORTS / name / "rules.json").read_text(encoding="utf-8") == rules_text(book_of(name), name)
    assert found.matrix == name


@pytest.mark.parametrize("folder", FLIPS)
@pytest.mark.parametrize("probe", ["campplus", "campplus_en"])
def test_every_flip_of_campplus_is_stated_by_a_rule(folder, probe):
    """Along each axis where it moves alone, and between neighbours in torch where all axes move."""
    grid, rows = published_grid(folder).grid, {frozenset(row[0].items()): row for row in evidence(folder)}
    if probe not in {case.probe for case in grid.cases}:
        pytest.skip("this matrix does not run it")
    own = [told for told in book_of(folder).told if told.subject == (probe, "published") and told.finding == "bad"]
    lanes = lanes_of(rows.values())[probe, "published"]
    found = 0
    for lane in lanes:
        told = next((told for told in own if lane in map(str, told.lanes)), own[0])
        finding = FindingRules(probe, "published", "bad", (), 0)
        labels = {axes: label(row, finding, [lane]) for axes, row in rows.items()}
        for one, other in changes(folder, labels, lane, probe):
            assert told.rules.state == "rules"
            for axes in (one, other):
                right = told.rules.predicts(dict(axes)) == (labels[axes] > 0)
                assert right or combination_id(dict(axes)) in {*told.rules.missed, *told.rules.wrong}
            found += 1
    assert found


def changes(folder, labels, lane, probe):
    """Yield neighbours of which a lane is good in one and bad in the other."""
    for flip in flips_of(folder):
        key = f"{flip.exporter}/opset{flip.opset}/{flip.precision}/{flip.runner}"
        pair = [frozenset({**flip.at, flip.axis: version}.items()) for version in (flip.from_, flip.to)]
        if (flip.probe, flip.variant, key) == (probe, "published", lane) and labels[pair[0]] * labels[pair[1]] < 0:
            yield pair
    if len(labels) < 10:
        order = sorted((axes for axes in labels if labels[axes]), key=lambda axes: Version(dict(axes)["torch"]))
        yield from (pair for pair in itertools.pairwise(order) if labels[pair[0]] != labels[pair[1]])


def test_the_flips_of_campplus_in_the_field_report_are_the_bounds_of_its_rule():
    (whole,) = [told.rules for told in book_of("seeds").told
                if (*told.subject, told.finding, told.lanes) == ("campplus", "published", "bad", ())]  # fmt: skip
    (rule,) = whole.rules
    assert {(bound.half.axis, bound.inside, bound.outside) for bound in rule.bounds} == {
        ("torch", "2.3.1", "1.11.0"),
        ("torch", "2.4.0", "2.15.0"),
    }
    assert (whole.right, whole.positives, whole.negatives, whole.exceptions, whole.few) == (2, 2, 2, 0, True)


def test_the_tables_of_a_factored_scan_give_the_labels_of_its_records():
    """The plain derivation above reads a factored scan through its grid; here: the grid says what records say."""
    records = [record for record in samples() if record.cases]
    grid = trusted_tables(*tables(records)).grid
    for one, other in zip(sorted(of_grid(grid), key=str), sorted(map(of_record, records), key=str), strict=True):
        assert one[0] == other[0]
        for lane, cases in other[2].items():
            assert [case for case in one[2][lane] if case[1] != "not_run"] == cases
    assert np.unique(grid.codes).size > 2
