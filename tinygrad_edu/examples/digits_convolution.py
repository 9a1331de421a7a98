"""Learn to read handwritten digits by convolutions: python -m tinygrad_edu.examples.digits_convolution"""

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F
from tinygrad_edu import nn
from tinygrad_edu.examples.digits import correct, learn


class Network(nn.Module):
    """Two convolutions, each with batch norm and the largest of every 2 x 2 places, and a score for each class."""

    def __init__(self, channels=32, size=8, classes=10):
        super().__init__()
        self.size = size
        self.first = nn.Conv2d(1, channels, 3, padding=1)
        self.first_norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, 2 * channels, 3, padding=1)
        self.second_norm = nn.BatchNorm2d(2 * channels)
        self.dropout = nn.Dropout(0.5)
        self.scores = nn.Linear(2 * channels * (size // 4) ** 2, classes)

    def forward(self, x):
        h = x.reshape(-1, 1, self.size, self.size)
        h = F.max_pool2d(F.relu(self.first_norm(self.first(h))), 2)
        h = F.max_pool2d(F.relu(self.second_norm(self.second(h))), 2)
        return self.scores(self.dropout(h.reshape(len(x), -1)))


if __name__ == "__main__":
    tg.manual_seed(0)
    train, test = tg.data.digits()
    network = Network()
    for epoch, (loss, accuracy) in enumerate(learn(network, train, test, epochs=20), start=1):
        if epoch % 5 == 0:
            print(f"epoch {epoch}: loss {loss:.3f}, accuracy {100 * accuracy:.1f} %")
    hits, labels = correct(network, test), test.tensors[1]
    print(f"test accuracy {100 * hits.mean():.1f} %")
    for digit in range(10):
        print(f"    {digit}: {100 * hits[labels == digit].mean():.1f} %")
