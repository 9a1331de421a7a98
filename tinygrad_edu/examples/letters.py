"""Learn to put the letters of words in order, by a small transformer: python -m tinygrad_edu.examples.letters"""

import numpy as np

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F
from tinygrad_edu import nn

LETTERS = "abcdefghijklmnopqrstuvwxyz>"         # a text is a word, ">", and the same letters in order: "tensor>enorst"
LENGTH = 6


class Writer(nn.Module):
    """A transformer that scores, at each place of a text, every letter as the next one; it sees the text up to that place."""

    def __init__(self, features=48, heads=4, layers=2):
        super().__init__()
        self.letters = nn.Embedding(len(LETTERS), features)
        self.places = nn.Embedding(2 * LENGTH, features)
        layer = nn.TransformerEncoderLayer(features, heads, 2 * features, dropout=0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, nn.LayerNorm(features))
        self.scores = nn.Linear(features, len(LETTERS))

    def forward(self, texts):
        h = self.letters(texts) + self.places(np.arange(texts.shape[1]))
        return self.scores(self.encoder(h, is_causal=True))


def draw_texts(count, generator):
    """Texts of words that are drawn at random, as numbers of their letters."""
    words = generator.integers(26, size=(count, LENGTH))
    return np.concatenate([words, np.full((count, 1), LETTERS.index(">")), np.sort(words)], axis=1)


def learn(network, generator, steps=600, lr=0.005):
    """Train the network on new texts in each step, and give the mean loss of a letter of the answer."""
    optimizer = tg.optim.Adam(network.parameters())
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = lr * min((step + 1) / 50, 1 - step / steps)     # larger steps, then smaller and smaller
        texts = draw_texts(64, generator)
        scores = network(texts[:, :-1])[:, LENGTH:]             # from ">" on, where the next letter is one of the answer
        loss = F.cross_entropy(scores.reshape(-1, len(LETTERS)), texts[:, LENGTH + 1 :].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()


@tg.no_grad()
def write(network, texts):
    """Texts with the answers that the network writes: one letter after the other, always that with the highest score."""
    texts = texts[:, : LENGTH + 1]
    for _ in range(LENGTH):
        next_letters = network.eval()(texts)[:, -1:].argmax(axis=2)
        texts = np.concatenate([texts, next_letters.numpy()], axis=1)
    return texts


if __name__ == "__main__":
    tg.manual_seed(0)
    network = Writer()
    for step, loss in enumerate(learn(network, np.random.default_rng(0)), start=1):
        if step % 100 == 0:
            print(f"step {step}: loss {loss:.3f}")
    texts = draw_texts(1000, np.random.default_rng(1))
    right = (write(network, texts) == texts).all(axis=1)
    print(f"new words in order: {100 * right.mean():.1f} %")
    for word in "tensor", "kernel", "vector":
        text = np.array([[LETTERS.index(letter) for letter in word + ">"]])
        print("    " + "".join(LETTERS[i] for i in write(network, text)[0]))
