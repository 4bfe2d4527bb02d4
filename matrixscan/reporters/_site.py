"""The first page of a folder of published matrices: plain HTML that needs nothing from elsewhere."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from urllib.parse import quote

FILE = "index.html"
#: Tells a page of ours from anybody else's.
MARK = '<meta name="generator" content="matrixscan">'

#: What is said of a file, in the order of the page; files of other names are not linked.
_WORDS = {
    "table.txt": "table",
    "table.md": "table (Markdown)",
    "grid.md": "tables (Markdown)",
    "operators.md": "operators (Markdown)",
    "recommended.md": "recommended pins (Markdown)",
    "recommended.json": "recommended pins (JSON)",
    "badge.json": "badge (shields.io endpoint)",
    "changes.md": "changes (Markdown)",
    "feed.xml": "changes (Atom feed)",
    "results.json": "results (JSON)",
    "flips.json": "flips (JSON)",
}
_FEED = "feed.xml"
_STYLE = "body{font:1rem/1.5 sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}"


def render_site(title: str, matrices: Mapping[str, Sequence[str]]) -> str:
    """Return the page.

    Args:
        title: Its heading.
        matrices: Name of each published matrix -> names of the files in its folder.
    """
    feeds = [name for name, files in matrices.items() if _FEED in files]
    head = "".join(
        f'<link rel="alternate" type="application/atom+xml" title="{_text(name)}" href="{_address(name, _FEED)}">\n'
        for name in feeds
    )
    body = "".join(_section(name, files) for name, files in matrices.items()) or "<p>Nothing is published yet.</p>\n"
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'{MARK}\n<meta name="viewport" content="width=device-width">\n<title>{_text(title)}</title>\n{head}'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{_text(title)}</h1>\n{body}</body>\n</html>\n"
    )


def _section(name: str, files: Sequence[str]) -> str:
    links = "".join(
        f'<li><a href="{_address(name, file)}">{_text(words)}</a></li>\n'
        for file, words in _WORDS.items()
        if file in files
    )
    return f"<h2>{_text(name)}</h2>\n<ul>\n{links}</ul>\n"


def _address(name: str, file: str) -> str:
    return html.escape(f"{quote(name)}/{quote(file)}")


def _text(words: str) -> str:
    return html.escape(words)
