"""A project whose environments cost next to nothing: wheels made on the spot, numpy for the harness."""

import textwrap
import zipfile


def write_wheel(folder, name, version="1.0", files=None, requires=()):
    """Put a pure wheel of that name into a folder, where uv finds it."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    written = {path: textwrap.dedent(text) for path, text in (files or {}).items()}
    written[f"{info}/METADATA"] = metadata
    written[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    written[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in written) + f"{info}/RECORD,,\n"
    target = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as wheel:
        for path, text in written.items():
            # A time of its own would give the same wheel another hash in every test.
            wheel.writestr(zipfile.ZipInfo(path), text)
    return target
