"""Every error a user can meet. Each message says what was wrong, what was found and what to do."""

__all__ = ["ImageError", "InputError", "StyleIDError", "WeightsError"]


class StyleIDError(Exception):
    """Base of all errors raised on purpose by this package."""


class InputError(StyleIDError, ValueError):
    """An argument of the wrong shape, type or range."""


class ImageError(StyleIDError):
    """A picture file that cannot be read or written."""


class WeightsError(StyleIDError):
    """A weight file that is missing, damaged, of another kind, or not to be trusted."""
