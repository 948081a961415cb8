"""Bytes from a web server into a file, which a later call goes on with where this one was cut.

huggingface-hub starts an interrupted file again (since its version 2), and knows nothing of plain URLs; so it says where
its files lie (``_hub.py``), and the bytes of both kinds of source come through here.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import requests

from ..errors import WeightsError

__all__ = ["Progress", "SourceError", "download"]

Progress = Callable[[int, int], None]

_CHUNK = 1 << 16  # what a cut may cost
_TIMEOUT = (10, 60)  # seconds to connect, and between two packets
_ATTEMPTS = 5  # in a row without a new byte
_PAUSE = 0.5  # seconds before the second attempt; doubles
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_log = logging.getLogger(__name__)


class SourceError(WeightsError):
    """One source cannot deliver; another one may."""


class _CutError(Exception):
    """The connection or the server failed in a way that often passes."""


def download(
    url: str,
    partial: Path,
    *,
    size: int | None,
    sha256: str,
    headers: Mapping[str, str],
    progress: Progress | None = None,
) -> None:
    """Complete ``partial`` with the bytes of ``url``, after those that it holds.

    Connections that break and servers that fail are tried again, as long as something new arrives. ``progress`` is called
    with bytes; what it raises ends the download, which can be continued.

    Raises:
        SourceError: the server has no such file, another one, or stays silent.
        OSError: the file cannot be written.
    """
    failures = 0
    while True:
        before = _length(partial)
        if before == size:
            return
        if size is not None and before > size:
            partial.unlink()
        try:
            return _receive(url, partial, size, sha256, dict(headers), progress)
        except (requests.RequestException, _CutError) as error:
            failures = 1 if _length(partial) > before else failures + 1
            if failures >= _ATTEMPTS:
                raise SourceError(f"{_host(url)} did not deliver ({_reason(error)})") from error
            _log.info("%s: %s, trying again", _host(url), _reason(error))
            time.sleep(_PAUSE * 2 ** (failures - 1))


def _receive(
    url: str, partial: Path, size: int | None, sha256: str, headers: dict[str, str], progress: Progress | None
) -> None:
    have = _length(partial)
    headers["Accept-Encoding"] = "identity"  # sizes and ranges are those of the file
    if have:
        headers["Range"] = f"bytes={have}-"
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        if response.status_code == 416:  # nothing after what is here: complete, or another file
            if _total(response) == have and size in (None, have):
                return
            partial.unlink()
            raise SourceError(f"{_host(url)} has another file: it ends before {size or have} bytes")
        _check_answer(response, url, size, sha256)
        starts = _range_start(response) if response.status_code == 206 else 0
        if starts not in (0, have):
            raise SourceError(f"{_host(url)} answered with another range than was asked for")
        with partial.open("ab") as file:
            file.truncate(starts)
            _copy(response, file, starts, size or _total(response), progress)


def _check_answer(response: requests.Response, url: str, size: int | None, sha256: str) -> None:
    """Raise unless this is the file: by its status, and by what a Hub says about it before the redirect."""
    status = response.status_code
    if status in _TRY_AGAIN:
        raise _CutError(f"status {status}")
    if status in (401, 403):
        raise SourceError(f"{_host(url)} wants a login, or has no such file (status {status})")
    if status not in (200, 206):
        raise SourceError(f"{_host(url)} has no such file (status {status})")
    for answer in (*response.history, response):
        tag = answer.headers.get("X-Linked-Etag", "").strip('"')
        if re.fullmatch(r"[0-9a-f]{64}", tag) and tag != sha256:
            raise SourceError(f"{_host(url)} has another file: expected sha256 {sha256}, found {tag}")
    total = _total(response)
    if size is not None and total is not None and total != size:
        raise SourceError(f"{_host(url)} has another file: expected {size} bytes, found {total}")


def _copy(
    response: requests.Response, file: BinaryIO, have: int, total: int | None, progress: Progress | None
) -> None:
    for chunk in response.iter_content(_CHUNK):
        have += len(chunk)
        if total is not None and have > total:
            raise SourceError(f"{_host(response.url)} sent more than the {total} bytes of the file")
        file.write(chunk)
        if progress is not None:
            progress(have, total or have)
    if total is not None and have < total:
        raise _CutError(f"the connection ended after {have} of {total} bytes")


def _total(response: requests.Response) -> int | None:
    """Bytes of the whole file, where the answer says so."""
    if response.status_code in (206, 416):
        match = re.fullmatch(r"bytes .*/(\d+)", response.headers.get("Content-Range", ""))
        return int(match.group(1)) if match else None
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _range_start(response: requests.Response) -> int:
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match.group(1)) if match else -1


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _host(url: str) -> str:
    return url.split("/")[2]


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, _CutError) else type(error).__name__
