"""Fails on dead links: to files and headings, in the documents of the tree and in the pages of the built book.

Usage: tests/book/links.py BOOK     BOOK is the folder that mdBook has written
"""

import html.parser
import posixpath
import re
import subprocess
import sys
import tomllib
import urllib.parse
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HOME = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["repository"]
SITE = re.compile(rf"{re.escape(HOME)}/(?:blob|tree|edit)/main/(.*)")
EXTERNAL = re.compile(r"[a-z][a-z+.-]*:|//")


def main():
    book = Path(sys.argv[1]).resolve()
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    documents = {path: (ROOT / path).read_text() for path in listed.stdout.split()}
    anchors = {path: set(slugs(text)) for path, text in documents.items()}
    dead = [problem for path in documents for problem in dead_in_document(path, documents[path], anchors)]
    summary = set(re.findall(r"\]\((.*?)\)", documents["docs/SUMMARY.md"]))
    pages = {path.removeprefix("docs/") for path in documents if re.fullmatch(r"docs/[^/]+\.md", path)}
    dead += [f"docs/SUMMARY.md: {page} is missing" for page in sorted(pages - summary - {"SUMMARY.md"})]
    built = {path: Page(path) for path in sorted(book.rglob("*.html"))}
    dead += [problem for path, page in built.items() for problem in dead_in_page(book, path, page, built)]
    found = sum(len(links(text)) for text in documents.values()), sum(len(page.links) for page in built.values())
    print("{} links in {} documents, and {} in {} pages".format(found[0], len(documents), found[1], len(built)))
    if min(found) < 50:
        dead.append("too few links were found, so the search for links is broken")
    sys.exit("\n".join(dead) if dead else 0)


def prose(text):
    """Returns a document without its code blocks and code spans."""
    text = re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def links(text):
    """Returns the targets of links and images."""
    return re.findall(r"\]\(([^)\s]+)\)", prose(text)) + re.findall(r'<(?:img|a)\b[^>]* (?:src|href)="([^"]*)"', prose(text))


def slugs(text):
    """Returns the ids that GitHub and mdBook give to headings."""
    seen = {}
    for heading in re.findall(r"^#{1,6} +(.*?) *$", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE):
        heading = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        yield f"{slug}-{count}" if count else slug


def dead_in_document(path, text, anchors):
    for link in links(text):
        target, _, anchor = link.partition("#")
        inside = SITE.fullmatch(target)
        if not inside and EXTERNAL.match(link):
            continue
        folder = posixpath.dirname(path)
        file = inside[1] if inside else posixpath.normpath(posixpath.join(folder, target)) if target else path
        if not (ROOT / file).exists():
            yield f"{path}: {link}: there is no {file}"
        elif anchor and anchor not in anchors.get(file, ()):
            yield f"{path}: {link}: {file} has no heading with this id"
        elif not inside and folder == "docs" and not file.startswith("docs/"):
            yield f"{path}: {link}: the book does not contain {file}; link {HOME}/blob/main/{file}"


class Page(html.parser.HTMLParser):
    """The links and ids of a page of the book."""

    def __init__(self, path):
        super().__init__()
        self.links, self.ids = [], set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("id", "name"):
                self.ids.add(value)
            elif name in ("href", "src") and value and tag != "base":
                self.links.append(value)


def dead_in_page(book, path, page, built):
    if path.name == "404.html":
        # the links of this page start at the root of a site
        return
    for link in page.links:
        if EXTERNAL.match(link):
            continue
        target, _, anchor = link.partition("#")
        target = urllib.parse.unquote(target.split("?")[0])
        file = (path.parent / target).resolve() if target else path
        if file.is_dir():
            file /= "index.html"
        if not file.is_relative_to(book) or not file.exists():
            yield f"{path.relative_to(book)}: {link}: there is no such file in the book"
        elif anchor and file in built and urllib.parse.unquote(anchor) not in built[file].ids:
            yield f"{path.relative_to(book)}: {link}: no such id"


main()
