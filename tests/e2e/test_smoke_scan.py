import getpass
import json
import re
import signal
import socket
import time
from pathlib import Path

import psutil
import pytest

CELL = "py38-torch1.11.0-onnx1.14.1-ort1.16.1"

pytestmark = pytest.mark.slow


def test_a_scan_says_what_is_good_and_writes_it_down(scanned):
    assert scanned.code == 0, scanned.output
    pins = scanned.output.split("Candidates")[1]
    assert "op_avg_pool_ceil/include:\n  python 3.8." in pins
    assert all(pin in pins for pin in ("torch==1.11.0", "onnx==1.14.1", "onnxruntime==1.16.1"))
    names = {path.name for path in (scanned.folder / "reports/smoke").iterdir()}
    texts = {"table.md", "table.txt", "results.json", "verdicts.json", "rules.json", "rules.md"}
    # There is a log only where the packages under test had something to say.
    assert names - {"logs"} == texts | {"records", "locks"}
    assert not (scanned.folder / ".matrixscan/smoke" / CELL / "env").exists()


def test_results_say_case_by_case_what_was_measured(scanned):
    results = scanned.results()
    (cell,) = results["cells"]
    assert (cell["id"], cell["verdict"], cell["evidence"]) == (CELL, "good", "joint")
    assert cell["resolved"]["python"].startswith("3.8.")
    assert cell["resolved"]["torch"].split("+")[0] == "1.11.0"
    judged = [case for case in cell["cases"] if case["probe"] == "op_avg_pool_ceil"]
    assert {case["variant"] for case in judged} == {"include", "exclude", "unpadded"}
    assert len({json.dumps(case["size"]) for case in judged}) == 4
    for case in judged:
        assert (case["outcome"], case["stage"], case["opset"], case["exporter"]) == ("passed", None, 13, "torchscript")
        assert case["metrics"]["max_abs"] <= 1e-5
        assert case["metrics"]["cosine"] > 0.999999
        assert case["metrics"]["required_atol"] <= 1e-5
    fraction = [case for case in cell["cases"] if case["variant"] == "fraction"]
    assert {(case["stage"], case["outcome"]) for case in fraction} == {("export", "failed")}
    assert "frac" in results["errors"][fraction[0]["error"]]["message"]
    assert cell["verdicts"]["op_round_half_even/fraction"] == "bad"


def test_nothing_published_names_this_machine(scanned):
    names = [socket.gethostname(), getpass.getuser(), str(scanned.folder), str(Path.home()), "://127.0.0.1"]
    names = [name for name in names if len(name) > 3 and name != "root"] + ["/simple", "file://"]
    files = [path for path in (scanned.folder / "reports").rglob("*") if path.is_file()]
    assert len(files) >= 6
    for path in files:
        text = path.read_text()
        assert not [name for name in names if name in text], path
        assert not re.search(r"(?<![\w<>])/(?:root|home|tmp|usr|work|opt)/", text), path


def test_a_second_scan_has_nothing_to_do_and_takes_seconds_also_offline(scanned):
    before = scanned.results()
    began = time.monotonic()
    # What was measured stands, whether the network is there or not.
    offline = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
    code, output = scanned.scan("matrices/smoke.toml", UV_OFFLINE="1", **offline)
    assert (code, scanned.results()) == (0, before)
    assert "nothing to do: every record is complete and its inputs did not change" in output
    assert "install" not in output.split("Models")[0]
    assert time.monotonic() - began < 15


def test_reports_can_be_derived_from_records_alone(scanned):
    folder = scanned.folder / "reports/smoke"
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    for name in before:
        (folder / name).unlink()
    code, _ = scanned.call("matrixscan", "report", "smoke")
    assert code == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def below(folder):
    """Return the living processes whose command line names the folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if any(str(folder) in word for word in words) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.pid)
    return found


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_scan_that_was_killed_leaves_nothing_running_and_ends_up_the_same(workplace, scanned, number):
    with workplace.start("matrixscan", "scan", "smoke") as process:
        seen = next((line for line in process.stdout if "  export " in line), "")
        assert seen, "the scan ended before its first export"
        assert below(workplace.folder)
        process.send_signal(number)
        process.stdout.read()
    assert process.returncode == (-number if number == signal.SIGKILL else 130)
    until = time.monotonic() + 15
    while below(workplace.folder):
        assert time.monotonic() < until, "the harness outlived the scan"
        time.sleep(0.05)
    code, output = workplace.scan("smoke")
    assert code == 0, output
    assert workplace.results() == scanned.results()


def test_nox_scans_combinations_at_once_and_hands_on_the_exit_code(workplace):
    workplace.write("noxfile.py", 'import matrixscan.nox\n\nmatrixscan.nox.register("matrices/smoke.toml")\n')
    code, output = workplace.call("nox", "-s", "scan", "-j", "2", "--", "smoke", NOX_SCRIPT_MODE="none")
    assert code == 0, output
    assert workplace.results()["cells"][0]["verdict"] == "good"
    assert "Candidates" in output
    code, output = workplace.call("nox", "-s", f"cell({CELL})", NOX_SCRIPT_MODE="none")
    assert code == 0
    assert "record is complete" in output


def test_without_an_index_nothing_is_judged(workplace):
    nowhere = {"UV_CACHE_DIR": str(workplace.folder / "cache"), "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple"}
    code, output = workplace.scan("smoke", UV_HTTP_RETRIES="0", **nowhere)
    assert code == 4, output
    assert "Nothing could be judged." in output
    (cell,) = workplace.results()["cells"]
    assert (cell["verdict"], cell["stage"], cell["outcome"]) == ("unknown", "resolve", "infra")
    assert not any("127.0.0.1" in path.read_text() for path in workplace.folder.glob("reports/**/*.*"))
