"""One photograph at a time: from the caller's picture to an output that was verified, or to none."""
