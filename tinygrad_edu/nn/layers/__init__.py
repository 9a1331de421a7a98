"""Layers as modules, with PyTorch's arguments, defaults and initialization; the functions are in functional."""
