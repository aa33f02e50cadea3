# SPDX-License-Identifier: GPL-2.0-or-later
"""PyKdump's module ``pykdump.Misc``: text in frames, and trees drawn with lines."""

from __future__ import annotations

import textwrap
from typing import Any, Optional, Union

#: Leaves that are listed one by one; of more, only the number is shown.
_LISTED_LEAVES = 20
_LEAVES_A_LINE = 5


class EmbeddedFrames:
    """A titled frame around texts and other frames; ``str()`` draws it."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._children: list[Union[list[str], EmbeddedFrames]] = []

    def addText(self, text: Union[str, list[str]]) -> None:
        lines = text if isinstance(text, list) else text.rstrip().split("\n")
        self._children.append(lines)

    def addFrame(self, frame: EmbeddedFrames) -> None:
        self._children.append(frame)

    def getStrArr(self) -> list[str]:
        """The lines of the drawing."""
        blocks = [
            child.getStrArr() if isinstance(child, EmbeddedFrames) else child
            for child in self._children
        ]
        inner = max([len(line) for block in blocks for line in block] + [len(self.title) + 4])
        result = [f" +{self.title:-^{inner + 2}}+"]
        for number, block in enumerate(blocks):
            if number:
                result.append(f" | {'':{inner}} |")
            result += [f" | {line:{inner}} |" for line in block]
        return [*result, f" +{'-' * (inner + 2)}+"]

    def __str__(self) -> str:
        return "\n".join(self.getStrArr())


class Drawing:
    """Lines of text; ``str()`` joins them."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines

    def __str__(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines)


def _box(text: str) -> list[str]:
    lines = text.splitlines() or [""]
    width = max(len(line) for line in lines)
    middle = [f"│{line:{width}}│" for line in lines]
    return [f"┌{'─' * width}┐", *middle, f"└{'─' * width}┘"]


class AA_Node:
    """A tree of objects: ``AA_Node(object, parent)``. Children without children are leaves."""

    def __init__(self, o: Any, parent: Optional[AA_Node] = None) -> None:
        self.node = o
        self.parent = parent
        self.children: set[AA_Node] = set()
        self.tags: dict[Any, AA_Node] = {}
        if parent is not None:
            parent.children.add(self)
            parent.tags[o] = self

    def get_tag(self) -> Any:
        return self.node

    def glue(self, anotherbranch: AA_Node) -> bool:
        """Puts this tree in place of the leaf of the other that stands for the same object."""
        leaf = anotherbranch.tags.get(self.node)
        if leaf is None:
            return False
        anotherbranch.children.discard(leaf)
        anotherbranch.children.add(self)
        anotherbranch.tags[self.node] = self
        self.parent = anotherbranch
        return True

    def _leaves(self) -> Optional[str]:
        tags = sorted(child.node for child in self.children if not child.children)
        if not tags:
            return None
        if len(tags) > _LISTED_LEAVES:
            return f"{len(tags)} pids in this group"
        words = [str(tag) for tag in tags]
        return "\n".join(
            ",".join(words[i : i + _LEAVES_A_LINE]) for i in range(0, len(words), _LEAVES_A_LINE)
        )

    def _branches(self) -> list[AA_Node]:
        found = [child for child in self.children if child.children]
        return sorted(found, key=lambda child: child.node)

    def __str__(self) -> str:
        parts = [str(self.node)]
        leaves = self._leaves()
        if leaves:
            parts += ["  -------", textwrap.indent(leaves, "  "), "  -------"]
        parts += [textwrap.indent(str(branch), "  ") for branch in self._branches()]
        return "\n".join(parts)

    def HorTree(self) -> Drawing:
        """The tree as boxes joined by lines, the root at the left."""
        parts = [branch.HorTree().lines for branch in self._branches()]
        leaves = self._leaves()
        if leaves:
            parts.insert(0, _box(leaves))
        lines = _box(str(self.node))
        if parts:
            lines[-1] = lines[-1][0] + "┬" + lines[-1][2:]
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            for row, line in enumerate(part):
                if row == 1:
                    joint = "└──" if last else "├──"
                    lines.append(f" {joint}┤{line[1:]}")
                else:
                    joint = "│" if row == 0 or not last else " "
                    lines.append(f" {joint}  {line}")
        return Drawing(lines)
