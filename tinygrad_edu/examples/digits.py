"""Learn to read handwritten digits: python -m tinygrad_edu.examples.digits"""

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F
from tinygrad_edu import nn


class Network(nn.Module):
    """A hidden layer with batch norm and dropout, and a score for each class."""

    def __init__(self, inputs=64, hidden=256, classes=10):
        super().__init__()
        self.hidden = nn.Linear(inputs, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.dropout = nn.Dropout(0.5)
        self.scores = nn.Linear(hidden, classes)

    def forward(self, x):
        h = F.relu(self.norm(self.hidden(x)))
        return self.scores(self.dropout(h))


def learn(network, train, test, epochs=30, lr=0.01):
    """Train the network; after each epoch give the mean loss and the accuracy on the test set."""
    optimizer = tg.optim.Adam(network.parameters())
    for epoch in range(epochs):
        optimizer.param_groups[0]["lr"] = lr * (1 - epoch / epochs)     # smaller and smaller steps
        network.train()
        losses = []
        for x, labels in tg.data.DataLoader(train, batch_size=64, shuffle=True):
            loss = F.cross_entropy(network(x), labels, label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        yield sum(losses) / len(losses), correct(network, test).mean().item()


@tg.no_grad()
def correct(network, data):
    """For each sample, whether the network gives its class the highest score."""
    x, labels = data.tensors
    return network.eval()(x).argmax(axis=1) == labels


if __name__ == "__main__":
    tg.manual_seed(0)
    train, test = tg.data.digits()
    network = Network()
    for epoch, (loss, accuracy) in enumerate(learn(network, train, test), start=1):
        if epoch % 10 == 0:
            print(f"epoch {epoch}: loss {loss:.3f}, accuracy {100 * accuracy:.1f} %")
    hits, labels = correct(network, test), test.tensors[1]
    print(f"test accuracy {100 * hits.mean():.1f} %")
    for digit in range(10):
        print(f"    {digit}: {100 * hits[labels == digit].mean():.1f} %")
