#!/usr/bin/env python3
"""Checks that links lead somewhere: in a directory of HTML pages, and in Markdown files.

    links.py DIRECTORY FILE.md…

Other sites are not asked.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("id", "name"):
                self.anchors.add(value)
            elif name in ("href", "src") and value and tag != "base":
                self.links.add(value)


def breaches(directory):
    pages = {path: Page(path.read_text()) for path in directory.rglob("*.html")}
    for path, page in pages.items():
        # Written for any depth, its links are the site's.
        if path.name in ("404.html", "print.html", "toc.html"):
            continue
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
            if not target.exists():
                yield f"{path}: {link}: no such page"
            elif parts.fragment and target.suffix == ".html":
                there = pages.get(target)
                if there and unquote(parts.fragment) not in there.anchors:
                    yield f"{path}: {link}: no such part of the page"


def markdown_breaches(path):
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        parts = urlsplit(link)
        if not parts.scheme and parts.path and not (path.parent / parts.path).exists():
            yield f"{path}: {link}: no such file"


def main():
    directory = Path(sys.argv[1]).resolve()
    found = list(breaches(directory))
    for name in sys.argv[2:]:
        found += markdown_breaches(Path(name))
    print("\n".join(found))
    sys.exit(1 if found else 0)


main()
