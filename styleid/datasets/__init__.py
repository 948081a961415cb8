"""Photographs in and out, and whole folders of them."""

from .boxes import read_boxes
from .folder import FileReport, RunOptions, Summary, run_files
from .heic import heic_support
from .io import MAX_PIXELS, format_of, read_photo, write_photo
from .photograph import Photograph
from .release import ReleaseReport, release_folder, release_pictures

__all__ = [
    "MAX_PIXELS",
    "FileReport",
    "Photograph",
    "ReleaseReport",
    "RunOptions",
    "Summary",
    "format_of",
    "heic_support",
    "read_boxes",
    "read_photo",
    "release_folder",
    "release_pictures",
    "run_files",
    "write_photo",
]
