"""Data sets, batches of them, and two small sets to learn from."""

from .dataset import Dataset, Subset, TensorDataset, random_split
from .loader import DataLoader, default_collate
from .samples import digits, spiral

__all__ = ["DataLoader", "Dataset", "Subset", "TensorDataset", "default_collate", "digits", "random_split", "spiral"]
