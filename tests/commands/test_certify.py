"""Recommend, certify and pin through whole commands on stand-in packages."""

CELLS = [f"py38-torch{torch}-onnx900.1-ort{ort}" for torch in ("900.1", "900.2") for ort in ("900.1", "900.2")]


def test_try(scanned):
    from matrixscan import commands

    print(scanned.joint.text)
    print(commands.recommend(scanned.request("joint")).text)
    out = commands.certify(scanned.request("joint"), lambda n: print(n))
    print(out)
    print(out.text)
    folder = scanned.root / "reports/joint"
    print(sorted(p.name for p in folder.iterdir()))
    for name in ("recommended.md", "recommended.json", "badge.json"):
        print((folder / name).read_text())
    for p in sorted(folder.glob("lock-*")):
        print(p.read_text())
    for p in sorted(folder.glob("constraints-*")):
        print(p.read_text())
    print(commands.recommend(scanned.request("joint")).text)
    print(commands.recommend(scanned.request("tiny")).text)
    out = commands.certify(scanned.request("tiny"), lambda n: print(n))
    print(out.text)
    print((scanned.root / "reports/tiny/recommended.md").read_text())
    out = commands.certify(scanned.request("tiny"), lambda n: print(n))
    print(out.text)
