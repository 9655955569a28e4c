"""What PyTorch does with tokens: classification of texts, and tags with a CRF.

Every sequence of a minibatch is padded and packed; the CRF goes once over the steps,
for all sequences of the minibatch together.
"""

import torch
from _text_work import BATCH, LEARNING_RATE, MAX_GRAD_NORM, clock, load
from _torch import describe, fastest_adam
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

__all__ = ["describe", "fit", "tag"]


class Recurrent(torch.nn.Module):
    """Embedded tokens through an LSTM of both directions: (B, T, 2 H), padded."""

    def __init__(self, n_tokens, n_dimensions, n_units):
        super().__init__()
        self.embedding = torch.nn.Embedding(n_tokens, n_dimensions)
        self.lstm = torch.nn.LSTM(
            n_dimensions, n_units, batch_first=True, bidirectional=True
        )

    def forward(self, tokens, lengths, padding=0.0):
        packed = pack_padded_sequence(
            self.embedding(tokens), lengths, batch_first=True, enforce_sorted=False
        )
        return pad_packed_sequence(
            self.lstm(packed)[0], batch_first=True, padding_value=padding
        )[0]


class Classifier(torch.nn.Module):
    """The maximum of every unit over the steps, and a linear head."""

    def __init__(self, n_tokens, n_dimensions, n_units, n_classes):
        super().__init__()
        self.recurrent = Recurrent(n_tokens, n_dimensions, n_units)
        self.head = torch.nn.Linear(2 * n_units, n_classes)

    def forward(self, tokens, lengths):
        h = self.recurrent(tokens, lengths, padding=-float("inf"))
        return self.head(h.amax(dim=1))

    def loss(self, tokens, lengths, labels):
        return torch.nn.functional.cross_entropy(self(tokens, lengths), labels)


class Tagger(torch.nn.Module):
    """A linear head at every step, and a CRF over the steps if it is asked for."""

    def __init__(self, n_tokens, n_dimensions, n_units, n_tags, crf=True):
        super().__init__()
        self.recurrent = Recurrent(n_tokens, n_dimensions, n_units)
        self.head = torch.nn.Linear(2 * n_units, n_tags)
        self.crf = CRF(n_tags) if crf else None

    def forward(self, tokens, lengths):
        return self.head(self.recurrent(tokens, lengths))

    def loss(self, tokens, lengths, tags):
        """The mean over the steps."""
        emissions = self(tokens, lengths)
        if self.crf is None:
            total = torch.nn.functional.cross_entropy(
                emissions.flatten(0, 1),
                tags.flatten(),
                ignore_index=-1,
                reduction="sum",
            )
        else:
            total = self.crf.loss(emissions, lengths, tags)
        return total / lengths.sum()


class CRF(torch.nn.Module):
    """A linear chain; emissions (B, T, K), tags (B, T) with -1 at padded steps."""

    def __init__(self, n_tags):
        super().__init__()
        self.transitions = torch.nn.Parameter(torch.zeros(n_tags, n_tags))
        self.start = torch.nn.Parameter(torch.zeros(n_tags))
        self.end = torch.nn.Parameter(torch.zeros(n_tags))

    def loss(self, emissions, lengths, tags):
        """The sum of the negative log-likelihoods."""
        tags = tags.clamp(min=0)
        mask = torch.arange(tags.shape[1]) < lengths[:, None]
        return (
            self.log_partition(emissions, mask) - self.score(emissions, mask, tags)
        ).sum()

    def score(self, emissions, mask, tags):
        along = emissions.gather(2, tags[:, :, None])[:, :, 0] * mask
        between = self.transitions[tags[:, :-1], tags[:, 1:]] * mask[:, 1:]
        last = tags.gather(1, mask.sum(1, keepdim=True) - 1)[:, 0]
        return along.sum(1) + between.sum(1) + self.start[tags[:, 0]] + self.end[last]

    def log_partition(self, emissions, mask):
        alpha = self.start + emissions[:, 0]
        for t in range(1, emissions.shape[1]):
            through = alpha[:, :, None] + self.transitions
            onward = through.logsumexp(1) + emissions[:, t]
            alpha = torch.where(mask[:, t, None], onward, alpha)
        return (alpha + self.end).logsumexp(1)

    def best(self, emissions, lengths):
        """The best path of every sequence, as lists."""
        mask = torch.arange(emissions.shape[1]) < lengths[:, None]
        alpha, back = self.start + emissions[:, 0], []
        stay = torch.arange(alpha.shape[1]).expand_as(alpha)
        for t in range(1, emissions.shape[1]):
            onward, came_from = (alpha[:, :, None] + self.transitions).max(1)
            here = mask[:, t, None]
            alpha = torch.where(here, onward + emissions[:, t], alpha)
            back.append(torch.where(here, came_from, stay))
        path = [(alpha + self.end).argmax(1)]
        for came_from in reversed(back):
            path.append(came_from.gather(1, path[-1][:, None])[:, 0])
        paths = torch.stack(path[::-1], 1).tolist()
        return [tags[:T] for tags, T in zip(paths, lengths.tolist())]


# ---- what is timed -----------------------------------------------------------------


def make_model(work, data):
    sizes = data.n_tokens, work.n_dimensions, work.n_units, data.n_labels
    if work.task == "text":
        return Classifier(*sizes)
    return Tagger(*sizes, crf=work.crf)


def padded(sequences, value=0):
    return pad_sequence(list(map(torch.from_numpy, sequences)), True, value)


class Loop:
    """The training loop: dense Adam, minibatches in turn, cut to their longest."""

    def __init__(self, model, adam):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, **adam)

    def epoch(self, tokens, lengths, targets):
        """The mean loss of the minibatches."""
        losses = []
        for begin in range(0, len(tokens), BATCH):
            rows = slice(begin, begin + BATCH)
            T = lengths[rows]
            longest = int(T.max())
            target = targets[rows]
            if target.ndim == 2:
                target = target[:, :longest]
            self.optimizer.zero_grad()
            loss = self.model.loss(tokens[rows, :longest], T, target)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), MAX_GRAD_NORM)
            self.optimizer.step()
            losses.append(loss.detach())
        return float(torch.stack(losses).mean())


def fit(work, path):
    data = load(path)
    tokens, lengths = padded(data.tokens), torch.from_numpy(data.lengths)
    if work.task == "text":
        targets = torch.from_numpy(data.labels)
    else:
        targets = padded(data.labels, -1)
    adam, name = fastest_adam(make_model(work, data))

    def measure():
        start = clock()
        torch.manual_seed(0)
        loop = Loop(make_model(work, data), adam)
        for _ in range(work.epochs):
            loss = loop.epoch(tokens, lengths, targets)
        return clock() - start, f"loss {loss:.3f}, {name} Adam"

    return measure


def tag(work, path):
    """Tags of all sequences, in minibatches of those that are about as long."""
    data = load(path)
    torch.manual_seed(0)
    model = make_model(work, data).eval()
    tokens, lengths = padded(data.tokens), torch.from_numpy(data.lengths)
    order = lengths.argsort()

    @torch.inference_mode()
    def measure():
        start = clock()
        for rows in order.split(BATCH):
            T = lengths[rows]
            emissions = model(tokens[rows, : int(T.max())], T)
            if work.crf:
                model.crf.best(emissions, T)
            else:
                emissions.argmax(2).tolist()
        return clock() - start, ""

    return measure
