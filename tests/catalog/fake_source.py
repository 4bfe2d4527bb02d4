import datetime as dt
from typing import ClassVar

from matrixscan.catalog.types import Release, Wheel

NOW = dt.datetime(2026, 11, 21, 12, 30, 15, 999, tzinfo=dt.UTC)


def release(version, day="2026-01-01", *, yanked=False, wheels=2, requires_python=">=3.8"):
    uploaded = day and dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC)
    return Release(version, uploaded, yanked, requires_python, (Wheel("py3-none-any", 5),) * wheels)


class FakeSource:
    """An index without a network."""

    name = "custom-0"
    known: ClassVar = {
        "torch": (
            release("1.13.0", "2022-10-28"),
            release("1.13.1", "2022-12-16"),
            release("2.0.0", "2023-03-15"),
            release("2.0.1", "2023-05-08"),
            release("2.1.0", "2023-10-04"),
        ),
        "onnx": (release("1.12.0", "2022-06-18"), release("1.13.0", "2022-12-22"), release("1.14.1", "2023-08-28")),
        "onnxscript": (release("0.1.0", "2023-04-01"), release("0.2.0", "2023-09-20")),
        "numpy": (release("1.26.0"), release("2.0.0"), release("2.1.0", yanked=True)),
        "typing-extensions": (release("4.0"),),
        "scipy": (release("1.0"),),
    }
    requirements: ClassVar = {
        "torch": ("Typing_Extensions>=4", "jinja2", "numpy; python_version < '3'"),
        "onnx": ("numpy>=1.2", "protobuf"),
        "onnxscript": ("typing.extensions", "private-package", "onnx>=1"),
        "numpy": (),
    }

    def __init__(self, **known):
        self.known = self.known | known
        self.asked = []

    def releases(self, names, *, absent=False):
        return {name: self.known[name] for name in names if name in self.known or not absent}

    def requires(self, wanted):
        self.asked.append(wanted)
        return {name: dict.fromkeys(versions, self.requirements.get(name)) for name, versions in wanted.items()}
