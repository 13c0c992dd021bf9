"""Draw the rooms of the package and which imports which: `python scripts/rooms.py OUT [SRC]`.

Writes Graphviz source where OUT ends in .dot, else calls `dot`. An arrow that other arrows imply is
left out (`tred`), and so are errors, logs, fsio, config and reading, which nearly all rooms import.
Prints how many lines, rooms and imports there are. SRC: another tree's folder `src/limbeck`.
"""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

SRC = Path(__file__).parents[1] / "src" / "limbeck"
EVERYWHERE = ("__init__", "__main__", "_version", "errors", "logs", "fsio", "config", "reading")


def main(out: Path, src: Path) -> None:
    def room_of(file: Path) -> str:
        return file.relative_to(src).parts[0].removesuffix(".py")

    files = sorted(src.rglob("*.py"))
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
                if name != room and ((src / name).is_dir() or (src / f"{name}.py").exists()):
                    arrows[room, name] += 1
    shown = {room: count for room, count in lines.items() if room not in EVERYWHERE}
    rows = [f'  "{room}" [label="{room}\\n{count:,} lines"];' for room, count in shown.items()]
    rows += [f'  "{a}" -> "{b}";' for a, b in sorted(arrows) if a in shown and b in shown]
    style = "  node [shape=box, style=rounded, fontname=sans];\n  ranksep=0.6;\n"
    dot = "digraph {\n" + style + "\n".join(rows) + "\n}\n"
    if out.suffix == ".dot":
        out.write_text(dot, encoding="utf-8")
    else:
        plain = subprocess.run(["tred"], input=dot.encode(), check=True, capture_output=True)
        command = ["dot", f"-T{out.suffix[1:]}", "-o", str(out)]
        subprocess.run(command, input=plain.stdout, check=True)
    print(f"{sum(lines.values())} lines, {len(lines)} rooms, {len(arrows)} imports between rooms")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else SRC)
