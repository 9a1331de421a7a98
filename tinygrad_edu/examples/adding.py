"""Learn to add two numbers of a long sequence: python -m tinygrad_edu.examples.adding

One number in each half of a sequence is marked, and their sum is asked for at the end. What is read early has to be kept among much else
that does not count: Hochreiter and Schmidhuber (1997) made this problem to show what an LSTM can do.
"""

import numpy as np

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F
from tinygrad_edu import nn


class Network(nn.Module):
    """An LSTM that reads the sequence, and a linear function of its last state."""

    def __init__(self, hidden=32):
        super().__init__()
        self.memory = nn.LSTM(2, hidden)
        self.sum = nn.Linear(hidden, 1)

    def forward(self, x):
        _, (h, _) = self.memory(x)
        return self.sum(h[-1]).squeeze(-1)


def draw(rng, steps=20, count=64):
    """Sequences (steps, count, 2) of numbers from 0 to 1 and of marks, and the sums (count,) of the numbers that are marked."""
    numbers, marks = rng.random((steps, count), np.float32), np.zeros((steps, count), np.float32)
    for first, end in (0, steps // 2), (steps // 2, steps):
        marks[rng.integers(first, end, count), np.arange(count)] = 1
    return np.stack([numbers, marks], axis=-1), (numbers * marks).sum(axis=0)


def learn(network, rng, batches=1500, lr=0.01):
    """Train the network, on new sequences each time; after each batch give its mean squared error."""
    optimizer = tg.optim.Adam(network.parameters())
    for batch in range(batches):
        optimizer.param_groups[0]["lr"] = lr * (1 - batch / batches)        # smaller and smaller steps
        x, sums = draw(rng)
        loss = F.mse_loss(network(x), sums)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()


if __name__ == "__main__":
    tg.manual_seed(0)
    rng = np.random.default_rng(0)
    network = Network()
    for batch, error in enumerate(learn(network, rng), start=1):
        if batch % 250 == 0:
            print(f"batch {batch}: mean squared error {error:.4f}")
    x, sums = draw(rng, count=1000)
    with tg.no_grad():
        error = F.mse_loss(network(x), sums).item()
    print(f"new sequences: mean squared error {error:.4f}, where always saying the mean has {sums.var():.4f}")
