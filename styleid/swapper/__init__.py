"""SwapperNet: a network that says which channels of a code to take from a random identity, and its training."""

from .charts import curve_chart, mask_chart
from .examples import Examples, draw_examples
from .loss import Losses, Weights, swapper_losses
from .measure import Comparison, compare
from .train import Point, Trained, train_swapper

__all__ = [
    "Comparison",
    "Examples",
    "Losses",
    "Point",
    "Trained",
    "Weights",
    "compare",
    "curve_chart",
    "draw_examples",
    "mask_chart",
    "swapper_losses",
    "train_swapper",
]
