"""What the tables say to people, in Markdown and in plain text alike."""

from __future__ import annotations

from matrixscan.harness.protocol import STAGES

HOW_TO_READ = (
    "Each row of the first table is one combination; it is good only if every case that exists there passed "
    "for the first variant of every probe that decides, or for every variant where they are different models."
)

LEGEND = (
    "ok: every case that exists there agrees with eager within the probe's tolerance, at every size",
    "ok, margin 4.2: the worst value that passes is that far inside its tolerance; not said above 100",
    "needs atol 0.3, margin 0.01: it would pass at that atol; the tolerance is that share of the worst error",
    "STAGE: WHAT: the first stage that did not pass, in the order " + ", ".join(STAGES),
    "8 of 10 cases bad: over all exporters, opsets and sizes; cases that cannot exist there are not counted",
    "ok with dynamo 18: that exporter and opset works although others do not",
    "as announced: the probe announces every failure that happened there; it is bad all the same",
    "unknown: not run, skipped or an infrastructure failure; it says nothing for or against the combination",
    "n/a: no exporter and opset of the scan exists there",
    "alternative: a further variant of the probe; it is shown and decides nothing",
)
