"""Fused ops: several operations in one node, with a backward written by hand. Each file holds one, with its composed twin."""
