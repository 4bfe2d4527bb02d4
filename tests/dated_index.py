"""A package index on this machine whose releases have dates, for what depends on when a release came."""

import hashlib
import zipfile

from cheap_project import write_wheel


class DatedPackages:
    """Publishes wheels made on the spot; a page is put anew with each release."""

    def __init__(self, index, folder):
        self.index, self.folder, self.files = index, folder, {}
        folder.mkdir(parents=True, exist_ok=True)

    def release(self, name, version, uploaded, source="", requires=(), *, digest=None, files=None, **more):
        """Publish a release; `digest`: what the page claims the wheel to be instead of what it is."""
        path = write_wheel(self.folder, name, version, files or {f"{name}/__init__.py": source}, requires)
        body = path.read_bytes()
        self.index.put_wheel(path.name, body)
        with zipfile.ZipFile(path) as wheel:
            described = wheel.read(f"{name}-{version}.dist-info/METADATA")
        self.index.put_wheel(f"{path.name}.metadata", described)
        hashes = {"sha256": digest or hashlib.sha256(body).hexdigest()}
        entry = self.index.file(
            path.name, f"{uploaded}T00:00:00Z", size=len(body), hashes=hashes, **{"core-metadata": True} | more
        )
        self.files.setdefault(name, []).append(entry)
        self.index.put_json(name, self.files[name])
