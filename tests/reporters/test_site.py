"""The first page of published reports: links to what is there, escaped, and nothing from elsewhere."""

import re

from matrixscan.reporters._site import render_site


def test_what_is_there_is_linked_and_nothing_else_is():
    page = render_site(
        "mine", {"eras": ["table.md", "feed.xml", "odd.bin", "constraints-x.txt"], "smoke": ["table.txt"]}
    )
    assert re.findall(r'<a href="([^"]*)">', page) == ["eras/table.md", "eras/feed.xml", "smoke/table.txt"]
    assert '<link rel="alternate" type="application/atom+xml" title="eras" href="eras/feed.xml">' in page
    assert "http" not in page


def test_names_cannot_break_out():
    page = render_site("<b>&", {'x"><script>': ["feed.xml"]})
    assert "<script>" not in page
    assert "<b>" not in page
    assert "x%22%3E%3Cscript%3E/feed.xml" in page


def test_nothing_published_is_said():
    assert "Nothing is published yet." in render_site("mine", {})
