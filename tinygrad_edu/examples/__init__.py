"""Programs to read and to run, each with python -m tinygrad_edu.examples.NAME."""
