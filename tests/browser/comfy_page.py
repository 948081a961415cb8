"""ComfyUI's page in a headless browser: opening, loading workflows, running them."""

from __future__ import annotations

import base64
import os
import shutil
from pathlib import Path
from typing import Any

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Lines that ComfyUI's own page prints in an offline, fresh installation.
HARMLESS = (
    "favicon",
    "api.comfy.org",
    "googletagmanager",
    "net::ERR_",
    "user.css",
    "userdata",
    "Failed to load resource",
)


def browser_executable() -> str | None:
    """$CHROMIUM, else the system's Chromium or Chrome."""
    names = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if name and (found := shutil.which(name))), None)


class ComfyPage:
    """A page of a running server, in one of the two node renderers."""

    def __init__(self, page: Any, url: str, *, vue_nodes: bool) -> None:
        self.page = page
        self.console_errors: list[str] = []
        page.on("console", self._remember)
        page.on("pageerror", lambda error: self.console_errors.append(str(error)))
        page.goto(url)
        page.wait_for_function("() => window.app?.extensionManager && window.app?.graph", timeout=120_000)
        self.setting("Comfy.VueNodes.Enabled", vue_nodes)
        self.setting("Comfy.TutorialCompleted", True)
        self.setting("Comfy.Workflow.ShowMissingNodesWarning", True)
        page.reload()
        page.wait_for_function(
            "() => window.app?.extensionManager && window.app?.graph?._nodes", timeout=120_000
        )
        page.wait_for_timeout(1500)
        self.close_dialogs()

    def _remember(self, message: Any) -> None:
        if message.type == "error" and not any(
            part in f"{message.text} {message.location}" for part in HARMLESS
        ):
            self.console_errors.append(message.text)

    def setting(self, name: str, value: Any) -> None:
        self.page.evaluate(
            "([name, value]) => window.app.extensionManager.setting.set(name, value)", [name, value]
        )

    def close_dialogs(self) -> None:
        """The template browser opens over a fresh canvas."""
        self.page.keyboard.press("Escape")
        self.page.wait_for_timeout(300)

    def load(self, workflow: dict[str, Any]) -> None:
        self.page.evaluate("(workflow) => window.app.loadGraphData(workflow)", workflow)
        self.page.wait_for_timeout(800)

    def drop(self, path: Path) -> None:
        """Drops the file onto the canvas, as a user does."""
        data = base64.b64encode(path.read_bytes()).decode()
        self.page.evaluate(
            """([data, name]) => {
                const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
                const transfer = new DataTransfer();
                transfer.items.add(new File([bytes], name, { type: "application/json" }));
                const canvas = document.getElementById("graph-canvas");
                for (const kind of ["dragenter", "dragover", "drop"]) {
                    canvas.dispatchEvent(new DragEvent(kind,
                        { dataTransfer: transfer, bubbles: true, cancelable: true, clientX: 400, clientY: 300 }));
                }
            }""",
            [data, path.name],
        )
        self.page.wait_for_timeout(1500)

    def api_prompt(self) -> dict[str, Any]:
        """The graph as the page would send it."""
        return self.page.evaluate("async () => (await window.app.graphToPrompt()).output")

    def serialized(self) -> dict[str, Any]:
        return self.page.evaluate("() => JSON.parse(JSON.stringify(window.app.graph.serialize()))")

    def red_nodes(self) -> list[str]:
        """Nodes that the page does not know, or that reported an error."""
        return self.page.evaluate(
            """() => window.app.graph._nodes
                .filter((node) => node.has_errors || !(node.type in LiteGraph.registered_node_types))
                .map((node) => node.type)"""
        )

    def overlaps(self) -> list[str]:
        """Pairs of nodes whose boxes intersect, with the sizes that the page really draws."""
        return self.page.evaluate(
            """() => {
                const boxes = window.app.graph._nodes.map((node) => {
                    const least = node.computeSize();
                    return { name: `${node.id} ${node.type}`, x: node.pos[0], y: node.pos[1] - 30,
                             right: node.pos[0] + node.size[0], bottom: node.pos[1] + Math.max(node.size[1], least[1]) };
                });
                const pairs = [];
                for (const a of boxes) for (const b of boxes)
                    if (a.name < b.name && a.x < b.right && b.x < a.right && a.y < b.bottom && b.y < a.bottom)
                        pairs.push(`${a.name} / ${b.name}`);
                return pairs;
            }"""
        )

    def run(self, timeout: float = 900.0) -> str:
        """Presses Run; returns 'success' or the error's text."""
        self.page.evaluate(
            """() => {
                window.outcome = null;
                const api = window.app.api;
                api.addEventListener("execution_success", () => { window.outcome = "success"; }, { once: true });
                api.addEventListener("execution_error", (event) => {
                    window.outcome = `${event.detail.node_type}: ${event.detail.exception_message}`; }, { once: true });
            }"""
        )
        self.page.evaluate("() => window.app.queuePrompt(0)")
        self.page.wait_for_function("() => window.outcome !== null", timeout=timeout * 1000)
        self.page.wait_for_timeout(1500)
        return self.page.evaluate("() => window.outcome")

    def shown_pictures(self) -> int:
        """How many nodes show a picture of their result."""
        return self.page.evaluate(
            """() => {
                const drawn = window.app.graph._nodes.filter((node) => node.imgs?.length).length;
                const shown = [...document.querySelectorAll(".lg-node img")].filter((image) => image.naturalWidth);
                return drawn + shown.length;
            }"""
        )

    def load_node(self, kind: str) -> None:
        """Clears the canvas, adds one node and selects it."""
        self.page.evaluate(
            """(kind) => {
                window.app.graph.clear();
                const node = LiteGraph.createNode(kind);
                window.app.graph.add(node);
                node.pos = [700, 500];
                window.app.canvas.selectItems([node]);
            }""",
            kind,
        )
        self.page.wait_for_timeout(800)

    def help_text(self) -> str:
        """Presses the selected node's help button and reads the page that opens."""
        self.page.get_by_test_id("info-button").first.click()
        panel = ".node-help-content"
        self.page.wait_for_function(
            "panel => document.querySelector(panel)?.innerText.trim()", arg=panel, timeout=15_000
        )
        return self.page.locator(panel).first.inner_text()

    def show_all(self) -> None:
        """Fits the whole graph into the window."""
        self.page.evaluate(
            """() => {
                const nodes = window.app.graph._nodes;
                const left = Math.min(...nodes.map((n) => n.pos[0])) - 100;
                const top = Math.min(...nodes.map((n) => n.pos[1])) - 140;
                const right = Math.max(...nodes.map((n) => n.pos[0] + n.size[0])) + 60;
                const bottom = Math.max(...nodes.map((n) => n.pos[1] + n.size[1])) + 60;
                const view = window.app.canvas.ds;
                view.scale = Math.min(window.innerWidth / (right - left), window.innerHeight / (bottom - top));
                view.offset = [-left, -top];
                window.app.canvas.setDirty(true, true);
            }"""
        )
        self.page.wait_for_timeout(800)

    def screenshot(self, path: Path) -> None:
        self.page.screenshot(path=str(path))
