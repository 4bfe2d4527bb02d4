"""feed.xml: the nights with news as an Atom feed (RFC 4287), its identifiers as tag URIs (RFC 4151)."""

from __future__ import annotations

import html
import re
import xml.etree.ElementTree as ET
from urllib.parse import quote

from matrixscan.records.night import Entry, Log
from matrixscan.reporters._changes import headline, sections

FILE = "feed.xml"

_ATOM = "http://www.w3.org/2005/Atom"
#: What XML 1.0 cannot hold, escaped or not.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def feed_id(matrix: str, began: str) -> str:
    """Return the identifier of a feed that begins with a night; it stays, wherever the feed is published."""
    return f"tag:matrixscan,{began[:10]}:{quote(matrix, safe='')}/{re.sub('[^0-9]', '', began[11:19])}"


def render_feed(log: Log) -> str:
    """Return the feed of a log."""
    root = ET.Element("feed", xmlns=_ATOM)
    _add(root, "id", log.feed)
    _add(root, "title", f"matrixscan: {log.matrix}")
    _add(root, "updated", max((entry.finished for entry in log.entries), default="1970-01-01T00:00:00+00:00"))
    _add(_add(root, "author"), "name", "matrixscan")
    _add(root, "generator", "matrixscan")
    for entry in log.entries:
        _entry(_add(root, "entry"), log, entry)
    ET.indent(root)
    return f"<?xml version='1.0' encoding='utf-8'?>\n{ET.tostring(root, encoding='unicode')}\n"


def _entry(node: ET.Element, log: Log, entry: Entry) -> None:
    _add(node, "id", f"{log.feed}/{re.sub('[^0-9]', '', entry.began[:19])}")
    _add(node, "title", f"{log.matrix}: {headline(entry)}")
    _add(node, "published", entry.finished)
    _add(node, "updated", entry.finished)
    _add(node, "content", _content(entry)).set("type", "html")


def _content(entry: Entry) -> str:
    parts = []
    for section in sections(entry):
        items = "".join(f"<li>{html.escape(line, quote=False)}</li>" for line in section.lines)
        parts.append(f"<h3>{html.escape(section.title)}</h3><ul>{items}</ul>")
    return "".join(parts)


def _add(parent: ET.Element, name: str, text: str | None = None) -> ET.Element:
    node = ET.SubElement(parent, name)
    node.text = None if text is None else _FORBIDDEN.sub("\ufffd", text)
    return node
