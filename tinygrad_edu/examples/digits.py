"""Learn to read handwritten digits: python -m tinygrad_edu.examples.digits"""

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F
from tinygrad_edu import nn


class Network(nn.Module):
    """A hidden layer with batch norm and dropout, and a score for each class."""

    def __init__(self, pixels=64, hidden=256, classes=10):
        super().__init__()
        self.hidden = nn.Linear(pixels, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.dropout = nn.Dropout(0.5)
        self.scores = nn.Linear(hidden, classes)

    def forward(self, x):
        h = F.relu(self.norm(self.hidden(x)))
        return self.scores(self.dropout(h))


def learn(network, train, test, epochs=30):
    """Train the network; after each epoch give the mean loss and the accuracy on the test set."""
    optimizer = tg.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(epochs):
        network.train()
        losses = []
        for images, labels in tg.data.DataLoader(train, batch_size=64, shuffle=True):
            loss = F.cross_entropy(network(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        yield sum(losses) / len(losses), right(network, test).mean().item()


@tg.no_grad()
def right(network, data):
    """Which samples the network gets right."""
    images, labels = data.tensors
    return network.eval()(images).argmax(axis=1) == labels


if __name__ == "__main__":
    tg.manual_seed(0)
    train, test = tg.data.digits()
    network = Network()
    for loss, accuracy in learn(network, train, test):
        print(f"loss {loss:.3f}, test accuracy {100 * accuracy:.1f} %", end="\r")
    print(f"\ntest accuracy {100 * accuracy:.1f} %")
    for digit in range(10):
        print(digit, f"{100 * right(network, test)[test.tensors[1] == digit].mean().item():.0f} %")
