"""Builds a workflow from a short recipe: ComfyUI's UI format (laid out in columns) and its API format."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

GAP_X, GAP_Y, TOP = 60, 40, 80
TITLE, SLOT, WIDGET, MARGIN = 30, 20, 24, 16
TEXT_BOX = 90  # of text that is edited on the node, beyond a line
SAVE, TEXT, PREVIEW = "StyleIDSaveAnonymizedImage", "PreviewAny", "PreviewImage"
WIDGET_TYPES = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")


@dataclass
class Node:
    """A node of a recipe: its values, its place, and outputs that other nodes can take by name."""

    number: int
    kind: str
    values: dict[str, Any]
    column: int
    title: str | None
    width: int
    lines: int  # of text that a preview shows
    text: str | None = None  # of a note

    def __getitem__(self, output: str) -> tuple[Node, str]:
        return self, output


@dataclass
class Recipe:
    """Nodes in columns; `groups` name ranges of columns."""

    name: str
    object_info: dict[str, Any]
    nodes: list[Node] = field(default_factory=list)
    groups: list[tuple[str, int, int, str]] = field(default_factory=list)

    def add(
        self,
        kind: str,
        column: int,
        *,
        title: str | None = None,
        width: int = 330,
        lines: int = 6,
        **values: Any,
    ) -> Node:
        """A node; a value is a constant or `other["output name"]`."""
        node = Node(len(self.nodes) + 1, kind, values, column, title, width, lines)
        self.nodes.append(node)
        return node

    def note(self, column: int, text: str, *, title: str = "Note", width: int = 330) -> None:
        """Markdown on the canvas."""
        self.nodes.append(Node(len(self.nodes) + 1, "MarkdownNote", {}, column, title, width, 0, text))

    def group(self, title: str, first: int, last: int, color: str = "#3f789e") -> None:
        """A titled frame around columns `first` .. `last`."""
        self.groups.append((title, first, last, color))

    def inputs_of(self, kind: str) -> dict[str, list[Any]]:
        """All inputs in declared order: name -> [type, options]."""
        declared = self.object_info[kind]["input"]
        return {**declared.get("required", {}), **declared.get("optional", {})}

    def api(self) -> dict[str, Any]:
        """What the page sends to /prompt for this graph."""
        prompt = {}
        for node in self.nodes:
            if node.kind == "MarkdownNote":
                continue
            inputs = {}
            for name, spec in self.inputs_of(node.kind).items():
                value = node.values.get(name, default_of(spec) if is_widget(spec) else None)
                if isinstance(value, tuple):
                    inputs[name] = [str(value[0].number), self.slot(*value)]
                elif value is not None:
                    inputs[name] = value
            title = node.title or self.object_info[node.kind]["display_name"]
            prompt[str(node.number)] = {"class_type": node.kind, "inputs": inputs, "_meta": {"title": title}}
        return prompt

    def slot(self, node: Node, output: str) -> int:
        return list(self.object_info[node.kind]["output_name"]).index(output)

    def ui(self) -> dict[str, Any]:
        """The file that is dropped onto the canvas."""
        links: list[list[Any]] = []
        nodes = {node.number: self._ui_node(node) for node in self.nodes}
        for node in self.nodes:
            for name, value in node.values.items():
                if isinstance(value, tuple):
                    self._link(links, nodes, value, node, name)
        self._place(nodes)
        return {
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"styleid/{self.name}")),
            "revision": 0,
            "last_node_id": len(self.nodes),
            "last_link_id": len(links),
            "nodes": list(nodes.values()),
            "links": links,
            "groups": self._frames(nodes),
            "config": {},
            "extra": {"ds": {"scale": 0.7, "offset": [60, 60]}},
            "version": 0.4,
        }

    def _ui_node(self, node: Node) -> dict[str, Any]:
        """One entry of the file's `nodes`, still without place and links."""
        common = {
            "id": node.number,
            "type": node.kind,
            "pos": [0, 0],
            "flags": {},
            "order": node.number - 1,
            "mode": 0,
        }
        if node.kind == "MarkdownNote":
            lines = sum(1 + len(line) // 44 for line in node.text.splitlines())
            look = {
                "title": node.title,
                "color": "#432",
                "bgcolor": "#653",
                "size": [node.width, 50 + 21 * lines],
            }
            return (
                common | look | {"inputs": [], "outputs": [], "properties": {}, "widgets_values": [node.text]}
            )
        specs = self.inputs_of(node.kind)
        inputs = [
            {"name": name, "type": slot_type(spec), "link": None} | widget_part(name, spec)
            for name, spec in specs.items()
        ]
        inputs.sort(key=lambda entry: "widget" in entry)  # the page keeps sockets before widgets
        values: list[Any] = []
        for name, spec in specs.items():
            if is_widget(spec):
                values.append(node.values.get(name, default_of(spec)))
                if len(spec) > 1 and spec[1].get("control_after_generate"):
                    values.append("fixed")
        info = self.object_info[node.kind]
        outputs = [
            {"name": name, "type": kind, "links": []}
            for name, kind in zip(info["output_name"], info["output"], strict=True)
        ]
        sockets = max(sum("widget" not in entry for entry in inputs), len(outputs))
        height = TITLE + SLOT * sockets + WIDGET * len(values) + MARGIN + shown_height(node)
        height += TEXT_BOX * sum(
            spec[1].get("multiline", False) for spec in specs.values() if is_widget(spec)
        )
        title = {"title": node.title} if node.title else {}
        return (
            common
            | title
            | {
                "size": [node.width, height],
                "inputs": inputs,
                "outputs": outputs,
                "properties": {"Node name for S&R": node.kind},
                "widgets_values": values,
            }
        )

    def _link(
        self, links: list[list[Any]], nodes: dict[int, Any], value: tuple[Node, str], node: Node, name: str
    ) -> None:
        origin, output = value
        slot = self.slot(origin, output)
        entries = nodes[node.number]["inputs"]
        target = next(index for index, entry in enumerate(entries) if entry["name"] == name)
        number = len(links) + 1
        kind = nodes[origin.number]["outputs"][slot]["type"]
        links.append([number, origin.number, slot, node.number, target, kind])
        entries[target]["link"] = number
        nodes[origin.number]["outputs"][slot]["links"].append(number)

    def _place(self, nodes: dict[int, Any]) -> None:
        x = 0
        for column in sorted({node.column for node in self.nodes}):
            members = [node for node in self.nodes if node.column == column]
            y = TOP
            for node in members:
                nodes[node.number]["pos"] = [x, y]
                y += nodes[node.number]["size"][1] + GAP_Y + TITLE
            x += max(node.width for node in members) + GAP_X

    def _frames(self, nodes: dict[int, Any]) -> list[dict[str, Any]]:
        frames = []
        for number, (title, first, last, color) in enumerate(self.groups, start=1):
            boxes = [nodes[node.number] for node in self.nodes if first <= node.column <= last]
            left, top = min(box["pos"][0] for box in boxes) - 20, TOP - TITLE - 50
            right = max(box["pos"][0] + box["size"][0] for box in boxes) + 20
            bottom = max(box["pos"][1] + box["size"][1] for box in boxes) + 20
            frame = {"id": number, "title": title, "bounding": [left, top, right - left, bottom - top]}
            frames.append(frame | {"color": color, "font_size": 24, "flags": {}})
        return frames


def shown_height(node: Node) -> int:
    """Room for what a node shows below its widgets: a picture, or lines of text."""
    return {SAVE: node.width, PREVIEW: node.width, TEXT: 48 + 17 * node.lines}.get(node.kind, 0)


def is_widget(spec: list[Any]) -> bool:
    """Whether an input is edited on the node (and not only by a wire)."""
    options = spec[1] if len(spec) > 1 else {}
    return (isinstance(spec[0], list) or spec[0] in WIDGET_TYPES) and not options.get("forceInput")


def default_of(spec: list[Any]) -> Any:
    options = spec[1] if len(spec) > 1 else {}
    choices = spec[0] if isinstance(spec[0], list) else options.get("options")
    return options.get("default", choices[0] if choices else None)


def slot_type(spec: list[Any]) -> str:
    return "COMBO" if isinstance(spec[0], list) else spec[0]


def widget_part(name: str, spec: list[Any]) -> dict[str, Any]:
    return {"widget": {"name": name}} if is_widget(spec) else {}
