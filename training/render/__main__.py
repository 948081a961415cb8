"""Render the data set: `python -m training.render --model ict_face.npz --out SHARDS --identities N`.

The model file comes from `python -m training.render.convert`. Complete shards are kept, so runs resume.
"""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

from styleid.errors import InputError

from .dataset import Job, render_dataset


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(prog="python -m training.render", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="file written by training.render.convert")
    parser.add_argument("--out", type=Path, required=True, help="folder of the shards")
    parser.add_argument(
        "--identities",
        type=int,
        required=True,
        help="multiple of 20 where faces are exchanged, before and after",
    )
    parser.add_argument("--states", type=int, default=5, help="pictures of each identity")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--size", type=int, default=256, help="pixels a side")
    parser.add_argument("--wide", action="store_true", help="whole heads in any pose, for the face detector")
    parser.add_argument(
        "--exchanged", action="store_true", help="the same pictures with other persons' faces"
    )
    parser.add_argument("--processes", type=int, default=1)
    options = vars(parser.parse_args())
    processes = options.pop("processes")
    if not options["model"].is_file():
        parser.error(f"{options['model']} is not a file; make it with python -m training.render.convert")
    job = Job(**options)
    started = time.monotonic()
    try:
        for done, shard in enumerate(render_dataset(job, processes), 1):
            logging.info("shard %d written; %.0f s for %d", shard, time.monotonic() - started, done)
    except InputError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
