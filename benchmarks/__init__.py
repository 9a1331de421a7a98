"""What this library costs, beside NumPy's floor and other libraries: `python -m benchmarks` from the checkout."""
