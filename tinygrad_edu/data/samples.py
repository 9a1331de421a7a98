"""Small data sets to learn from: handwritten digits, and a spiral that needs no download and no other package."""

from __future__ import annotations

import numpy as np

from ..ops.random import generator_of
from .dataset import TensorDataset


def digits(seed: int = 0, test_fraction: float = 0.2) -> tuple[TensorDataset, TensorDataset]:
    """Real handwritten digits, 1,797 images of 8 x 8 pixels, as a training set and a test set.

    Parameters
        seed           of the split: the same seed, the same sets.
        test_fraction  how much of each class goes to the test set.
    Returns (train, test). Samples are pairs: an image, 64 numbers in [0, 1], float32; and its digit, 0 to 9, int64.
    Raises ImportError without scikit-learn, which brings the images, and ValueError for a test_fraction outside (0, 1).

    Source    Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning Repository.

    >>> import tinygrad_edu as tg
    >>> train, test = tg.data.digits(seed=0)
    >>> train, test
    (TensorDataset((1438, 64) float32, (1438,) int64), TensorDataset((359, 64) float32, (359,) int64))
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            'digits: the images come with scikit-learn, which is not installed; pip install "tinygrad_edu[data]", '
            "or use tg.data.spiral(), which needs nothing"
        ) from error
    pixels, labels = load_digits(return_X_y=True)
    images = (pixels / 16).astype(np.float32)       # pixels count from 0 to 16
    return _stratified(images, labels.astype(np.int64), test_fraction, np.random.default_rng(seed), "digits")


def spiral(
    classes: int = 3, points: int = 200, noise: float = 0.2, test_fraction: float = 0.2, generator: np.random.Generator | None = None
) -> tuple[TensorDataset, TensorDataset]:
    """Points in the plane, in one spiral arm for each class: no straight line parts them.

    In arm c, at the radius r from 0 to 1,  angle = 4 * (c + r) + noise * z  with z normal, and the point is (r sin, r cos) of it.

    Parameters
        classes        how many arms.
        points         how many points in each.
        noise          the standard deviation of the angle.
        test_fraction  how much of each class goes to the test set.
        generator      a NumPy Generator, or None for the library's.
    Returns (train, test), in random order. Samples are pairs: a point, 2 numbers, float32; and its class, int64.
    Raises ValueError for classes or points below 1, for a negative noise, and for a test_fraction outside (0, 1).

    Source    the CS231n notes, Neural Networks: case study.

    >>> import tinygrad_edu as tg
    >>> tg.data.spiral(classes=3, points=100)
    (TensorDataset((240, 2) float32, (240,) int64), TensorDataset((60, 2) float32, (60,) int64))
    """
    if classes < 1 or points < 1 or noise < 0:
        raise ValueError(f"spiral: classes is {classes}, points is {points} and noise is {noise}; they need to be at least 1, 1 and 0")
    generator = generator_of(generator)
    labels = np.repeat(np.arange(classes), points)
    radius = np.tile(np.linspace(0, 1, points), classes)
    angle = 4 * (labels + radius) + noise * generator.standard_normal(len(labels))
    features = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1).astype(np.float32)
    order = generator.permutation(len(labels))
    return _stratified(features[order], labels[order], test_fraction, generator, "spiral")


def _stratified(
    features: np.ndarray, labels: np.ndarray, test_fraction: float, generator: np.random.Generator, who: str
) -> tuple[TensorDataset, TensorDataset]:
    """Split so that every class has its share in both parts; within a part the samples keep their order."""
    if not 0 < test_fraction < 1:
        raise ValueError(f"{who}: test_fraction is {test_fraction}; it needs to be between 0 and 1, and neither of them")
    is_test = np.zeros(len(labels), np.bool_)
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        is_test[members[: round(len(members) * test_fraction)]] = True
    return TensorDataset(features[~is_test], labels[~is_test]), TensorDataset(features[is_test], labels[is_test])
