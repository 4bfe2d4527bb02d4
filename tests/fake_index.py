import hashlib
import io
import json
import threading
import time
import zipfile
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

JSON = "application/vnd.pypi.simple.v1+json"


def wheel(requires, name="pkg", version="1.0", padding=0):
    """Return the bytes of a wheel; `padding` bytes stand before its METADATA, as code would."""
    body = io.BytesIO()
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {text}\n" for text in requires)
    with zipfile.ZipFile(body, "w") as file:
        file.writestr(f"{name}/code.bin", bytes(padding))
        file.writestr(f"{name}/vendored/other-1.dist-info/METADATA", "Requires-Dist: nothing\n")
        file.writestr(f"{name}-{version}.dist-info/METADATA", metadata)
    return body.getvalue()


class FakeIndex:
    """A package index on this machine: what it answers, what fails, and what it was asked."""

    def __init__(self):
        self.pages = {}  # path -> (content type, body)
        self.failing = Counter()  # path -> how many more requests fail with 503
        self.slow = 0.0  # seconds before every answer
        self.ranges = True
        self.asked = Counter()  # (path, status) -> requests
        self.sent = Counter()  # path -> bytes
        self.authorized = Counter()  # path -> requests with credentials

    def serve(self):
        handler = type("Handler", (_Handler,), {"index": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.root = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def count(self, path, status=None):
        return sum(n for (at, code), n in self.asked.items() if at == path and status in {None, code})

    def put_json(self, name, files, **more):
        body = {"meta": {"api-version": "1.1"}, "name": name, "versions": [], "files": files} | more
        self.pages[f"/simple/{name}/"] = (JSON, json.dumps(body).encode())

    def put_html(self, name, lines):
        self.pages[f"/simple/{name}/"] = ("text/html; charset=utf-8", "\n".join(lines).encode())

    def put_legacy(self, name, document):
        self.pages[f"/pypi/{name}/json"] = ("application/json", json.dumps(document).encode())

    def put_wheel(self, filename, body):
        self.pages[f"/files/{filename}"] = ("application/zip", body)

    def file(self, filename, uploaded="2024-01-01T00:00:00.5Z", **more):
        """Return one file of a JSON page."""
        found = {"filename": filename, "url": f"../../files/{filename}", "hashes": {"sha256": digest(filename)}}
        return found | {"size": 7, "upload-time": uploaded, "yanked": False} | more


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    index: FakeIndex

    def do_GET(self):
        time.sleep(self.index.slow)
        status, headers, body = self._answer()
        self.index.asked[self.path, status] += 1
        self.index.sent[self.path] += len(body)
        self.index.authorized[self.path] += "Authorization" in self.headers
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _answer(self):
        if self.index.failing[self.path]:
            self.index.failing[self.path] -= 1
            return 503, {}, b""
        if self.path not in self.index.pages:
            return 404, {}, b""
        kind, body = self.index.pages[self.path]
        tag = f'"{hashlib.sha256(body).hexdigest()}"'
        if self.headers.get("If-None-Match") == tag:
            return 304, {"ETag": tag}, b""
        if "Range" in self.headers and self.index.ranges:
            first, last = self.headers["Range"].removeprefix("bytes=").split("-")
            start = int(first) if first else max(0, len(body) - int(last))
            part = body[start : int(last) + 1 if first else len(body)]
            return 206, {"Content-Range": f"bytes {start}-{start + len(part) - 1}/{len(body)}"}, part
        return 200, {"Content-Type": kind, "ETag": tag}, body

    def log_message(self, *_):
        pass
