"""Identities given out by earlier runs."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from threading import Thread

import pytest
import torch
from filelock import FileLock

from styleid import Anonymizer
from styleid.datasets.identities import kept_identities, read_identities
from styleid.errors import InputError, WeightsError
from styleid.latent import IdentityBook

pytestmark = pytest.mark.usefixtures("small_crops")


def test_a_later_run_stays_away_from_what_an_earlier_one_gave_out(
    tiny_family, photograph, make_face, tmp_path, monkeypatch
):
    """With the first run's book, the second run says so when it cannot help giving a known face out again."""
    path = tmp_path / "book.safetensors"
    judge = replace(tiny_family.judge, threshold=0.2)
    found = {"detect": lambda picture: [make_face(60, 70, 60)], "on_failure": "blur"}
    book, keep = kept_identities(path, judge)
    with keep:
        Anonymizer(tiny_family, "medium", book=book, **found)([photograph(130, 130)])
    assert len(book) == 2 and stat.S_IMODE(os.stat(path).st_mode) & 0o077 == 0  # the source and the new face
    again = read_identities(path, judge)
    assert torch.equal(again.embeddings, book.embeddings)
    # Whoever the second run may draw, the book says that it was given out before.
    asked = []
    monkeypatch.setattr(
        IdentityBook, "nearest", lambda self, faces: asked.append(self) or torch.zeros(len(faces))
    )
    (result,) = Anonymizer(tiny_family, "medium", book=again, **found)([photograph(130, 130, seed=1)])
    assert set(map(id, asked)) == {id(again)} and len(again) > 2
    assert "resembles one of an earlier picture" in result.faces[0].notes[-1]


def test_what_was_given_out_is_kept_although_a_run_fails(tiny_family, tmp_path):
    path = tmp_path / "book.safetensors"
    book, keep = kept_identities(path, tiny_family.judge)
    book.add(torch.eye(512)[:3])

    def interrupted():
        with keep:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(read_identities(path, tiny_family.judge)) == 3


def test_two_runs_at_a_time_keep_the_faces_of_both(tiny_family, tmp_path):
    path, faces = tmp_path / "book.safetensors", torch.eye(512)
    first, keep_first = kept_identities(path, tiny_family.judge)
    with keep_first:
        first.add(faces[:2])
    books = [kept_identities(path, tiny_family.judge) for _ in range(2)]
    for number, (book, keep) in enumerate(books):
        with keep:
            book.add(faces[2 + 3 * number : 5 + 3 * number])
    kept = read_identities(path, tiny_family.judge)
    assert torch.equal(kept.embeddings.float(), faces[:8])


def test_whoever_writes_waits_for_the_other(tiny_family, tmp_path):
    path = tmp_path / "book.safetensors"
    book, keep = kept_identities(path, tiny_family.judge)
    book.add(torch.eye(512)[:1])
    with FileLock(tmp_path / ".book.safetensors.lock"):
        thread = Thread(target=keep.__exit__, args=(None, None, None))
        keep.__enter__()
        thread.start()
        thread.join(0.3)
        assert thread.is_alive() and not path.exists()
    thread.join(20)
    assert len(read_identities(path, tiny_family.judge)) == 1


def test_a_book_of_another_recogniser_is_refused(tiny_family, tmp_path):
    path = tmp_path / "book.safetensors"
    book, keep = kept_identities(path, tiny_family.judge)
    with keep:
        book.add(torch.eye(512)[:1])
    with pytest.raises(InputError, match="another recogniser"):
        read_identities(path, tiny_family.recogniser)
    path.write_bytes(b"no tensors")
    with pytest.raises(WeightsError, match=r"book\.safetensors"):
        read_identities(path, tiny_family.judge)
    for name in ("book.txt", "nowhere/book.safetensors"):
        with pytest.raises(InputError, match="folder that exists"):
            kept_identities(tmp_path / name, tiny_family.judge)


def test_a_seed_and_a_book_exclude_each_other(tiny_family, tmp_path):
    book, _ = kept_identities(tmp_path / "book.safetensors", tiny_family.judge)
    with pytest.raises(InputError, match="leave the seed or the book out"):
        Anonymizer(tiny_family, seed=1, book=book)
