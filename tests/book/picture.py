#!/usr/bin/env python3
"""Draws docs/images/rooms.svg: the rooms of src/ on their floors, from the table in tests/it/rooms.rs.

Usage: tests/book/picture.py [--check]     --check fails if the picture is not up to date

An arrow is an import. Imports that follow from others are left out: a room may import whatever arrows lead to only where
the table says so.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PICTURE = ROOT / "docs/images/rooms.svg"
ROW = re.compile(r'\(\s*"(\w+)",\s*(\d+),\s*&\[(.*?)\],?\s*\)', re.DOTALL)
WIDTH, STEP, BOX, HEIGHT = 900, 86, 112, 34
HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="15">
<title>The rooms of src/ on their floors, and what each imports</title>
<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#78909c"/></marker></defs>
<rect width="{width}" height="{height}" fill="#fff"/>
"""


def main():
    source = (ROOT / "tests/it/rooms.rs").read_text()
    table = source[source.index("const ROOMS") : source.index("];")]
    rooms = {name: (int(floor), re.findall(r'"(\w+)"', imports)) for name, floor, imports in ROW.findall(table)}
    # lib.rs only declares the rooms, and main.rs only calls the command line
    rooms = {name: room for name, room in rooms.items() if name not in ("lib", "main")}
    drawn = draw(rooms)
    if "--check" not in sys.argv:
        PICTURE.write_text(drawn)
    elif not PICTURE.exists() or PICTURE.read_text() != drawn:
        sys.exit(f"{PICTURE.relative_to(ROOT)} differs from the table of rooms: run tests/book/picture.py")


def reached(rooms, name):
    """Returns all rooms that imports lead to, directly or through other rooms."""
    return {far for near in rooms[name][1] for far in {near} | reached(rooms, near)}


def draw(rooms):
    floors = sorted({floor for floor, _ in rooms.values()})
    height = STEP * len(floors) + 10
    at = {}
    for floor in floors:
        names = [name for name, room in rooms.items() if room[0] == floor]
        for number, name in enumerate(names):
            at[name] = (60 + (WIDTH - 60) * (2 * number + 1) / (2 * len(names)), height - STEP * (floor + 0.5) - 5)
    parts = [HEAD.format(width=WIDTH, height=height)]
    for floor in floors:
        parts.append(f'<text x="14" y="{height - STEP * (floor + 0.5):.0f}" fill="#78909c">{floor}</text>\n')
    for name, (_, imports) in rooms.items():
        for below in imports:
            if any(below in reached(rooms, other) for other in imports):
                continue
            (x, y), (to_x, to_y) = at[name], at[below]
            y, to_y = y + HEIGHT / 2, to_y - HEIGHT / 2
            curve = f"M{x:.0f} {y:.0f}C{x:.0f} {y + STEP / 2:.0f} {to_x:.0f} {to_y - STEP / 2:.0f} {to_x:.0f} {to_y:.0f}"
            parts.append(f'<path d="{curve}" fill="none" stroke="#78909c" marker-end="url(#head)"/>\n')
    for name, (x, y) in at.items():
        box = f'x="{x - BOX / 2:.0f}" y="{y - HEIGHT / 2:.0f}" width="{BOX}" height="{HEIGHT}" rx="6"'
        parts.append(f'<rect {box} fill="#e3f2fd" stroke="#1565c0"/>\n')
        parts.append(f'<text x="{x:.0f}" y="{y + 5:.0f}" text-anchor="middle">{name}</text>\n')
    return "".join(parts) + "</svg>\n"


main()
