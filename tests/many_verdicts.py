"""Published matrices of many made-up combinations: only the index is there, which is all a check reads."""

from matrixscan.analysis.known_pins_index import FILE, IndexBuilder, Judged, Platform, Subject, encode_index

HERE = Platform("Linux x86_64, glibc 2.36", "Linux", "x86_64")
AXES = ("python", "torch", "onnxscript", "onnx", "onnxruntime")
SUBJECTS = tuple(f"model_{number}/{variant}" for number in range(20) for variant in ("published", "fixed"))


def combinations(count):
    """Yield distinct rows: Pythons, releases of torch, onnx and onnxruntime; onnxscript in half of them."""
    for number in range(count):
        rest, python = divmod(number, 5)
        rest, torch = divmod(rest, 20)
        onnxruntime, onnx = divmod(rest, 10)
        row = {
            "python": f"3.{8 + python}",
            "torch": f"2.{torch}.1",
            "onnx": f"1.{onnx}.0",
            "onnxruntime": f"1.{onnxruntime}.2",
        }
        yield row | ({"onnxscript": "0.1.0"} if number % 2 else {})


def judged(number, place):
    # A tenth fails, each with words of its own, as figures are.
    if (number + place) % 10:
        return Judged("good")
    return Judged("bad", f"compare: mismatch, max_abs 0.{number} at t=100 (torchscript, opset {11 + place}); 9 of 15")


def write_matrix(reports, name, count):
    """Write `reports/<name>/verdicts.json`; return the pins of a good row and of a bad one."""
    builder = IndexBuilder(name, [Subject(key, key.endswith("published")) for key in SUBJECTS])
    for number, row in enumerate(combinations(count)):
        verdicts = {key: judged(number, place) for place, key in enumerate(SUBJECTS[::10])}
        verdicts |= {key: Judged("good") for key in SUBJECTS if key not in verdicts}
        packages = {f"package-{place}": f"{number % 50}.{place}" for place in range(40)} | {"numpy": "1.26.4"}
        builder.add(row, verdicts, evidence="joint", platform=HERE, date="2025-01-01", packages={**packages, **row})
    folder = reports / name
    folder.mkdir(parents=True)
    (folder / FILE).write_text(encode_index(builder.build(AXES)))
