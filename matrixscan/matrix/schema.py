"""The JSON Schema of a matrix file, for editors that check and complete TOML."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from matrixscan.harness.protocol import PRECISIONS
from matrixscan.matrix.axes import PYTHON_PATTERN, WELL_KNOWN_AXES
from matrixscan.matrix.backends import exporters, runners
from matrixscan.matrix.cases import OPSET_RANGE
from matrixscan.matrix.layout import MatrixFile
from matrixscan.matrix.nightly import DURATION, MAX_CONFIRM
from matrixscan.matrix.reader import MAX_THREADS
from matrixscan.matrix.reduction import STRATEGY_PATTERN

_POSITIVE = {"exclusiveMinimum": 0}
_EXACT = {"pattern": r"^([0-9]+!)?[0-9]+(\.[0-9]+)*[0-9a-z.]*(\+[a-z0-9]+(\.[a-z0-9]+)*)?$"}
_SELECTOR = {
    "pattern": _EXACT["pattern"]
    + r"|^ *((latest|oldest)(:[1-9][0-9]*)?|minors|era:[A-Za-z0-9._-]+|since [0-9-]{10}|pre|[<>=!~].*)( |$)"
}
_RULE = {"pattern": _EXACT["pattern"] + r"|^ *[<>=!~]"}
# TOML has no null: a number that may be left out is a number.
_OPTIONAL: dict[str, Any] = {"anyOf": [{"type": "number", "minimum": 0}]}
_SHARE: dict[str, Any] = {"anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": 1}]}
_DAYS = {"pattern": r"^[0-9]{1,5}[dw]$"}
_SPECIFIERS = {"type": "string", "pattern": r"^ *([<>=!~].*)?$"}
_PYTHON = {"type": "string", "pattern": PYTHON_PATTERN, "description": "A Python release, quoted."}
_OPSETS = {
    "type": "array",
    "items": {"type": "integer", "minimum": OPSET_RANGE[0], "maximum": OPSET_RANGE[1]},
    "minItems": 1,
    "uniqueItems": True,
}

# What the types cannot say, by table and key; merged over what msgspec derives from them.
_MORE: dict[str, dict[str, dict[str, Any]]] = {
    "MatrixFile": {
        "description": {"description": "What the matrix is for; shown in lists and reports."},
        "packages": {"description": "Axis names that are meant although they resemble a well-known one."},
        "combinations": {"description": "Rows written out: one exact version an axis."},
        "axes": {"description": "Versions and selectors of each axis: every combination of them, or several [[axes]]."},
        "include": {"description": "Rows added after the product; exclude does not touch them."},
        "exclude": {"description": "Drops every row of combinations and axes that has all these versions or ranges."},
        "plan": {"description": "factored: export and run in environments of their own."},
        "strategy": {
            "description": "Which rows are scanned: full, pairwise, t-wise:3, one-at-a-time or boundary.",
            "pattern": STRATEGY_PATTERN,
        },
        "companions": {"description": "Versions of packages that follow those of axes."},
        "controls": {"description": "false: environments do not show that they can tell right from wrong."},
        "advises": {
            "description": "What it says about pins. false: nothing unless it is named, its probes fail on purpose. "
            "probes: only what is asked of a probe by name, for hardly anything is good for all it surveys."
        },
    },
    "ReleasesTable": {
        "exclude-newer": {"description": "Releases of later days do not exist."},
        "min-age": {"description": "Days (7d) or weeks (2w) a release must be out when the lock is made.", **_DAYS},
        "transitive": {"description": "era: packages that are no axis are resolved as of the row's newest release."},
        "era-grace": {"description": "Days (30d) or weeks by which an era selector looks ahead.", **_DAYS},
    },
    "RecommendTable": {
        "count": {"description": "Combinations that are certified for each audience.", "minimum": 1},
        "order": {"description": "newest releases first, or safest: by confidence, neighbours and margin."},
        "min-age": {"description": "Days (7d) or weeks (2w) every release has to be out.", **_DAYS},
        "expires": {"description": "Days (90d) or weeks after which a recommendation is stale.", **_DAYS},
    },
    "CompanionTable": {
        "when": {"description": "Axis = PEP 440 specifiers; all have to hold.", "additionalProperties": _SPECIFIERS},
        "requires": {
            "description": "Package = PEP 440 specifiers, for rows where the package is no axis.",
            "additionalProperties": _SPECIFIERS,
            "minProperties": 1,
        },
    },
    "Reduction": {
        "seeds": {"description": "Rows that have to be scanned, whole or in part."},
        "baseline": {"description": "one-at-a-time: the row that others differ from in one axis."},
        "budget": {"description": "boundary: the most rows.", "anyOf": [{"type": "integer", "minimum": 1}]},
    },
    "Probes": {
        "judge": {"description": "Probes that decide a combination's verdict: names, globs or paths."},
        "also": {"description": "Probes that run and are shown, and decide nothing."},
        "variants": {"description": "Probe = the variants to run, for probes that stand for many models."},
        "opsets": {"description": "Probe = exporter = the opsets to write instead of the probe's own."},
    },
    "Artifact": {
        "model": {"description": "The ONNX file, from the folder of the matrix."},
        "inputs": {"description": "An .npz for each sample: name = array.", "minItems": 1, "uniqueItems": True},
        "outputs": {"description": "An .npz for each sample that is right; without them, the first row is."},
        "files": {"description": "Files beside the model that belong to it, besides MODEL.data and MODEL_data."},
        "rtol": {"description": "Allowed difference relative to the value it is compared with.", **_OPTIONAL},
        "atol": {"description": "Allowed absolute difference.", **_OPTIONAL},
        "compare": {"description": "Output = how it is compared, where that differs from the others."},
    },
    "Comparison": {
        "rtol": {"description": "Allowed relative difference.", **_OPTIONAL},
        "atol": {"description": "Allowed absolute difference.", **_OPTIONAL},
        "fp16": {"description": "Both of the lanes in half precision.", "anyOf": [{"$ref": "#/$defs/Bounds"}]},
        "agree": {"description": "Share of equal elements asked of an output that is not floating.", **_SHARE},
        "picture": {"description": "N x C x H x W; drawn where it mismatches."},
    },
    "CasesTable": {
        "exporters": {
            "description": "How models become ONNX.",
            "items": {"enum": list(exporters())},
            "minItems": 1,
        },
        "opsets": {
            "description": "ONNX opsets: one list for every exporter, or exporter = list.",
            "anyOf": [
                _OPSETS,
                {
                    "type": "object",
                    "properties": dict.fromkeys(exporters(), _OPSETS),
                    "additionalProperties": False,
                    "minProperties": 1,
                },
            ],
        },
        "runners": {
            "description": "What runs the exported model.",
            "items": {"enum": list(runners())},
            "minItems": 1,
        },
        "precisions": {
            "description": "fp16: weights in half since the conversion; fp16-run: computed in half by the runner.",
            "items": {"enum": list(PRECISIONS)},
            "minItems": 1,
        },
    },
    "Bounds": {
        "rtol": {"description": "Allowed difference relative to the eager value.", "minimum": 0},
        "atol": {"description": "Allowed absolute difference.", "minimum": 0},
    },
    "Tolerances": {
        "rtol": {"description": "Allowed difference relative to the eager value.", "minimum": 0},
        "atol": {"description": "Allowed absolute difference.", "minimum": 0},
        "fp16": {"description": "Both of the lanes in half precision."},
    },
    "Limits": {
        "case-seconds": {"description": "Seconds after which a case is given up.", **_POSITIVE},
        "install-seconds": {"description": "Seconds after which an installation is given up.", **_POSITIVE},
        "diagnose-seconds": {"description": "For diagnoses of one combination; 0: none.", "minimum": 0},
        "memory-gib": {"description": "GiB of resident memory the harness may use.", **_POSITIVE},
        "threads": {
            "description": "Intra-op threads of torch and of the runner.",
            "minimum": 1,
            "maximum": MAX_THREADS,
        },
    },
    "NightlyTable": {
        "budget": {
            "description": "Time after which no further environment is begun (90s, 45m, 2h).",
            "pattern": DURATION,
        },
        "confirm": {
            "description": "Further runs that have to fail too before something is called a regression.",
            "minimum": 1,
            "maximum": MAX_CONFIRM,
        },
    },
    "Index": {"torch": {"description": "auto takes torch's CPU builds where they can be reached."}},
    "Expect": {"good": {"description": "Ids of combinations whose verdict must be good."}},
}


def matrix_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a matrix file."""
    derived = msgspec.json.schema(MatrixFile)
    tables = derived["$defs"]
    for table, keys in _MORE.items():
        for key, more in keys.items():
            tables[table]["properties"][key] |= more
    root = tables.pop("MatrixFile")
    properties = root["properties"]
    axes = {"type": "object", **_axes()}
    properties["axes"]["anyOf"] = [axes, {"type": "array", "items": axes, "minItems": 1}]
    properties["combinations"]["items"] = _row(complete=True)
    properties["include"]["items"] = _row(complete=True)
    properties["exclude"]["items"] = _row(complete=False, rule=True)
    tables["Reduction"]["properties"]["seeds"]["items"] = _row(complete=False)
    tables["Reduction"]["properties"]["baseline"] |= _row(complete=False)
    properties["artifact"] = {"$ref": "#/$defs/Artifact"}
    for name, value in properties.items():
        if "$ref" in value:
            table = tables[value["$ref"].removeprefix("#/$defs/")]
            # The keys of each table state their own defaults; twice would be noise in an editor.
            properties[name] = {"$ref": value["$ref"], "description": table["description"]}
    root |= {"title": "matrixscan matrix", "oneOf": [{"required": ["probes"]}, {"required": ["artifact"]}]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **root, "$defs": tables}


def schema_text() -> str:
    """Return the schema as it is kept in files."""
    return json.dumps(matrix_schema(), indent=2) + "\n"


def _version(axis: str) -> dict[str, Any]:
    if axis == "python":
        return _PYTHON
    return {"type": "string", "description": f"An exact version of {axis}, quoted.", **_EXACT}


def _value(axis: str) -> dict[str, Any]:
    if axis == "python":
        return _PYTHON
    return {"type": "string", "description": f"An exact version of {axis} or a selector, quoted.", **_SELECTOR}


def _row(*, complete: bool, rule: bool = False) -> dict[str, Any]:
    if rule:
        value = {"type": "string", "description": "An exact version or PEP 440 specifiers, quoted.", **_RULE}
        return {"type": "object", "properties": dict.fromkeys(_in_order(), value), "additionalProperties": value} | {
            "minProperties": 1
        }
    rules = {"required": ["python"], "minProperties": 2} if complete else {"minProperties": 1}
    return {
        "type": "object",
        "properties": {axis: _version(axis) for axis in _in_order()},
        "additionalProperties": {"type": "string", **_EXACT},
        **rules,
    }


def _axes() -> dict[str, Any]:
    def versions(item: dict[str, Any]) -> dict[str, Any]:
        return {"type": "array", "items": item, "minItems": 1, "uniqueItems": True}

    return {
        "properties": {axis: versions(_value(axis)) for axis in _in_order()},
        "additionalProperties": versions({"type": "string", **_SELECTOR}),
        "if": {"minProperties": 1},
        "then": {"required": ["python"], "minProperties": 2},
    }


def _in_order() -> list[str]:
    return sorted(WELL_KNOWN_AXES, key=lambda axis: (axis != "python", axis))
