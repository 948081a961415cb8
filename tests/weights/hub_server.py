"""A web server on the loopback that plays Hugging Face: pages that redirect to a store of large files on another port.

It misbehaves on request: ``server.plan[path] = [step, step, ...]``, one step for each request for that large file.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Step:
    """What to do with one request: answer with ``status``, stop after ``cut`` bytes, deliver other bytes, and so on."""

    status: int = 200
    cut: int | None = None
    content: bytes | None = None
    ranges: bool = True
    pause: float = 0.0  # seconds between blocks of 16 KiB
    length: bool = True  # whether the size is told


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]


@dataclass
class HubServer:
    """``files["owner/name/file"]`` are a Hub's; ``files["/path"]`` lie at plain URLs of the second server."""

    files: dict[str, bytes] = field(default_factory=dict)
    plan: dict[str, list[Step]] = field(default_factory=lambda: defaultdict(list))
    requests: list[Request] = field(default_factory=list)
    servers: list[ThreadingHTTPServer] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.servers[0].server_port}"

    @property
    def store(self) -> str:
        return f"http://127.0.0.1:{self.servers[1].server_port}"

    def put(self, repo: str, file: str, content: bytes) -> str:
        """A file of a repository; returns where its bytes lie, the key of ``plan``."""
        self.files[f"{repo}/{file}"] = content
        return f"/large/{repo}/{file}"

    def downloads(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.method == "GET" and request.path == path]

    def start(self) -> None:
        for handler in (_Hub, _Store):
            server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (handler,), {"hub": self}))
            server.daemon_threads = True
            self.servers.append(server)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        for server in self.servers:
            server.shutdown()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def _note(self) -> None:
        self.hub.requests.append(
            Request(self.command, self.path, {name.title(): value for name, value in self.headers.items()})
        )

    def _status(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()


class _Hub(_Handler):
    """The front: redirects to the store, and says size and hash beforehand."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self._note()
        match = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.path)
        content = self.hub.files.get(f"{match[1]}/{match[3]}") if match else None
        if content is None:
            return self._status(404, X_Error_Code="EntryNotFound", X_Repo_Commit=COMMIT)
        tag = f'"{hashlib.sha256(content).hexdigest()}"'
        return self._status(
            302,
            Location=f"{self.hub.store}/large/{match[1]}/{match[3]}",
            X_Repo_Commit=COMMIT,
            X_Linked_Size=str(len(content)),
            X_Linked_Etag=tag,
            ETag=tag,
        )


class _Store(_Handler):
    """The back: bytes, with ranges."""

    def do_GET(self) -> None:
        self._note()
        steps = self.hub.plan[self.path]
        step = steps.pop(0) if steps else Step()
        content = self.hub.files.get(self.path.removeprefix("/large/")) or self.hub.files.get(self.path)
        if step.status >= 400 or content is None:
            return self._status(step.status if step.status >= 400 else 404)
        content = step.content or content
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(match[1]) if match and step.ranges else 0
        if start >= len(content):
            return self._status(416, Content_Range=f"bytes */{len(content)}")
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if step.length:
            self.send_header("Content-Length", str(len(content) - start))
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        return self._send(content[start:], step)

    def _send(self, content: bytes, step: Step) -> None:
        content = content if step.cut is None else content[: step.cut]
        try:
            for start in range(0, len(content), 1 << 14):
                self.wfile.write(content[start : start + (1 << 14)])
                time.sleep(step.pause)
        except OSError:  # the other side has gone
            pass
