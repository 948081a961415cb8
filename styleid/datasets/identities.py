"""The identities given out by earlier runs, kept in a file that the user asks for.

The file holds embeddings, which are as good as faces: it is readable by its owner only, and belongs beside the originals.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ..errors import InputError, WeightsError
from ..family import Recogniser
from ..latent import IdentityBook
from ..latent._provenance import digest_of
from .files import write_atomically

__all__ = ["kept_identities", "read_identities", "write_identities"]

_KEY = "embeddings"


def kept_identities(path: Path, judge: Recogniser) -> tuple[IdentityBook, AbstractContextManager[None]]:
    """The book of a file, and a context that adds it to the file however the run ends. Errors as :func:`read_identities`."""
    if path.suffix.lower() != ".safetensors" or not path.resolve().parent.is_dir():
        raise InputError(
            f"Identities are kept in a .safetensors file in a folder that exists, found {path.name!r}."
        )
    book = read_identities(path, judge)

    @contextmanager
    def keep() -> Iterator[None]:
        try:
            yield
        finally:
            write_identities(path, book, judge)

    return book, keep()


def read_identities(path: str | Path, judge: Recogniser) -> IdentityBook:
    """The book of earlier runs; an empty one where there is no file yet.

    Raises:
        WeightsError: a damaged file.
        InputError: one of another recogniser, whose embeddings cannot be compared.
    """
    book, path = IdentityBook(judge.threshold), Path(path)
    if not path.exists():
        return book
    try:
        with safe_open(path, "pt") as content:
            facts = content.metadata() or {}
            known = content.get_tensor(_KEY)
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path.name} is no file of identities given out ({type(error).__name__}). Name another, or a new one."
        ) from error
    if facts.get("recogniser_sha256") != digest_of(judge.network):
        raise InputError(
            f"{path.name} was kept with another recogniser than {judge.name!r}. Use the same models, or a new file."
        )
    book.add(known)
    return book


def write_identities(path: str | Path, book: IdentityBook, judge: Recogniser) -> None:
    """Add a book to what the file holds by now, also from runs at the same time. An empty book is not written.

    The file is replaced as a whole, readable by its owner only. Errors as :func:`read_identities`.
    """
    if not len(book):
        return
    path = Path(path)
    facts = {"recogniser": judge.name, "recogniser_sha256": digest_of(judge.network)}
    with FileLock(path.with_name(f".{path.name}.lock")):
        everyone = read_identities(path, judge)
        known = {row.tobytes() for row in everyone.embeddings.numpy()}
        new = [row.tobytes() not in known for row in book.embeddings.numpy()]
        everyone.add(book.embeddings[new])
        write_atomically(path, save({_KEY: everyone.embeddings.contiguous()}, facts), mode=0o600)
