"""What is published: certified combinations alone, for whom they are, and what waits."""

import datetime as dt

import certified_samples
import msgspec
import pytest
import record_samples as samples
from ranking_samples import KEY, OTHER, landscape, standing, terms

from matrixscan.analysis.recommended import Recommended, audiences, recommended
from matrixscan.matrix.types import Recommend


def test_nothing_is_published_that_nobody_certified():
    _, scan = certified_samples.scanned(samples)
    assert recommended(scan, (), Recommend(), {}) is None


def test_certified_combinations_alone_are_recommended_and_refused_ones_are_named():
    found, _ = certified_samples.sample(samples)
    assert [each.id for each in found.combinations] == [samples.PASSED]
    assert [each.id for each in found.not_certified] == [samples.NO_INSTALL]
    assert "compare: mismatch" in found.not_certified[0].reasons[0]
    assert [each.certification for each in found.not_certified[0].disagreements] == ["compare: mismatch"]
    everybody = found.audiences[0]
    assert (everybody.scope, everybody.python) == ("all", None)
    assert everybody.combinations == (samples.PASSED,)
    # It would come first, and is not certified.
    assert everybody.waiting == (samples.NO_INSTALL,)


def test_a_recommendation_ends_a_fixed_time_after_its_certification():
    found, _ = certified_samples.sample(samples, Recommend(expires=10.0))
    (best,) = found.combinations
    assert (best.measured, best.certified) == (dt.date(2025, 1, 1), dt.date(2025, 2, 1))
    assert best.expires == dt.date(2025, 2, 11)


def test_the_same_facts_give_the_same_document_on_any_day():
    assert certified_samples.sample(samples) == certified_samples.sample(samples)


def test_the_smaller_margin_of_both_measurements_counts():
    records, scan = certified_samples.scanned(samples)
    worse = tuple(
        samples.replace(each, outputs=(samples.output(margin=3.0),)) if each.outcome == "passed" else each
        for each in records[samples.PASSED].cases
    )
    proof = certified_samples.proof(samples, scan, records, samples.PASSED, {"cases": worse})
    (best,) = recommended(scan, [proof], Recommend(), {}).combinations
    assert best.smallest_margin == 3.0


def test_a_combination_certified_for_a_part_has_no_files():
    records, scan = certified_samples.scanned(samples)
    scan = msgspec.structs.replace(scan, deciding=scan.keys)
    half = tuple(each for each in records[samples.PASSED].cases if each.variant != "folded")
    proof = certified_samples.proof(samples, scan, records, samples.PASSED, {"cases": half})
    (best,) = recommended(scan, [proof], Recommend(), {}).combinations
    assert (best.complete, best.files, best.good_for) == (False, {}, ("campplus/published",))
    assert set(best.not_known_good_for) == {"campplus/folded"}
    found = recommended(scan, [proof], Recommend(), {}).audiences
    assert [each.combinations for each in found if each.scope == "all" and each.python is None] == [()]
    assert [each.combinations for each in found if each.scope == "campplus/published" and each.python is None] == [
        (best.id,)
    ]


@pytest.mark.parametrize(("count", "listed"), [(1, 1), (2, 2), (9, 3)])
def test_each_audience_has_as_many_as_were_asked_for(count, listed):
    rows = [standing(torch) for torch in ("2.0.0", "2.1.0", "2.2.0")]
    known = {row.id: dt.date(2025, 2, 1) for row in rows}
    (found,) = audiences(landscape(*rows), terms(certified=known), count)
    assert len(found.combinations) == listed
    assert found.combinations[0] == rows[2].id


def test_there_is_an_audience_for_every_scope_and_every_python():
    rows = [standing(python=python, verdict={KEY: "g", OTHER: "g"}) for python in ("3.9", "3.10")]
    found = audiences(landscape(*rows, deciding=(KEY, OTHER)), terms(), 1)
    assert [(each.scope, each.python) for each in found] == [
        (scope, python) for scope in ("all", KEY, OTHER) for python in (None, "3.10", "3.9")
    ]


def test_the_document_can_be_read_as_what_it_says_it_is():
    found, _ = certified_samples.sample(samples)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Recommended) == found
