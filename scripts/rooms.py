"""Draw the rooms of the package and which imports which: `python scripts/rooms.py rooms.svg`.

Writes Graphviz source where the name ends in .dot, else calls `dot`. Prints how many lines, rooms
and imports there are.
"""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

SRC = Path(__file__).parents[1] / "src" / "limbeck"


def room_of(file: Path) -> str:
    return file.relative_to(SRC).parts[0].removesuffix(".py")


def main(out: Path) -> None:
    files = sorted(SRC.rglob("*.py"))
    lines: Counter[str] = Counter()
    arrows: Counter[tuple[str, str]] = Counter()
    for file in files:
        room = room_of(file)
        text = file.read_text(encoding="utf-8")
        lines[room] += text.count("\n")
        if room == "__init__":  # the lazy front door names every room
            continue
        for node in ast.walk(ast.parse(text)):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            if module == "limbeck":
                names = [alias.name for alias in node.names]
            elif module and module.startswith("limbeck."):
                names = [module.split(".")[1]]
            else:
                continue
            for name in names:
                if name != room and ((SRC / name).is_dir() or (SRC / f"{name}.py").exists()):
                    arrows[room, name] += 1
    rows = [f'  "{room}" [label="{room}\\n{count} lines"];' for room, count in lines.items()]
    rows += [f'  "{a}" -> "{b}";' for a, b in sorted(arrows)]
    dot = "digraph {\n  node [shape=box, fontname=sans];\n" + "\n".join(rows) + "\n}\n"
    if out.suffix == ".dot":
        out.write_text(dot, encoding="utf-8")
    else:
        command = ["dot", f"-T{out.suffix[1:]}", "-o", str(out)]
        subprocess.run(command, input=dot.encode(), check=True)
    print(f"{sum(lines.values())} lines, {len(lines)} rooms, {len(arrows)} imports between rooms")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
