"""What PyTorch does with pairs of sequences: an encoder-decoder with attention.

Both sides are padded and packed. The decoder reads the right tokens in training and
runs over all steps in one call; attention (Luong et al. 2015, "general") comes after
it, with padded steps of the source masked.
"""

import torch
from _pairs_work import MAX_GRAD_NORM, clock, load
from _torch import describe, fastest_adam
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

__all__ = ["describe", "fit", "predict"]


class EncoderDecoder(torch.nn.Module):
    """One LSTM layer on each side.

    With an encoder of both directions its last states are brought to the decoder's
    size.
    """

    def __init__(self, work, n_source, n_target):
        super().__init__()
        D, H = work.n_dimensions, work.n_units
        width = H * (1 + work.bidirectional)
        self.source = torch.nn.Embedding(n_source, D)
        self.target = torch.nn.Embedding(n_target, D)
        self.encoder = torch.nn.LSTM(
            D, H, batch_first=True, bidirectional=work.bidirectional
        )
        self.decoder = torch.nn.LSTM(D, H, batch_first=True)
        self.bridges = None
        if work.bidirectional:
            self.bridges = torch.nn.ModuleList(torch.nn.Linear(width, H) for _ in "hc")
        self.score = torch.nn.Linear(width, H, bias=False)
        self.combine = torch.nn.Linear(width + H, H, bias=False)
        self.head = torch.nn.Linear(H, n_target)

    def encode(self, tokens, lengths):
        """The memory (B, S, width), where it is real, and the decoder's states."""
        packed = pack_padded_sequence(
            self.source(tokens), lengths, batch_first=True, enforce_sorted=False
        )
        h, states = self.encoder(packed)
        memory = pad_packed_sequence(h, batch_first=True)[0]
        mask = torch.arange(memory.shape[1]) < lengths[:, None]
        if self.bridges is not None:
            sides = (torch.cat(tuple(state), dim=1) for state in states)
            states = tuple(
                bridge(side)[None] for bridge, side in zip(self.bridges, sides)
            )
        return memory, mask, states

    def attend(self, h, memory, mask):
        """Logits (B, T, V) of the decoder's hidden states (B, T, H)."""
        scores = h @ self.score(memory).transpose(1, 2)
        scores = scores.masked_fill(~mask[:, None], -float("inf"))
        context = scores.softmax(2) @ memory
        return self.head(torch.tanh(self.combine(torch.cat([context, h], dim=2))))

    def loss(self, tokens, lengths, inputs, targets, steps):
        """The mean over the steps of the targets; inputs and targets (B, T)."""
        memory, mask, states = self.encode(tokens, lengths)
        packed = pack_padded_sequence(
            self.target(inputs), steps, batch_first=True, enforce_sorted=False
        )
        h = pad_packed_sequence(self.decoder(packed, states)[0], batch_first=True)[0]
        logits = self.attend(h, memory, mask)
        return torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=-1
        )


class Batch:
    """A minibatch: padded ids, and how long the sequences are."""

    def __init__(self, sources, targets, mark):
        self.lengths = torch.tensor([len(row) for row in sources])
        self.steps = torch.tensor([len(row) + 1 for row in targets])
        self.tokens = pad_sequence(list(map(torch.from_numpy, sources)), True)
        end = torch.tensor([mark])
        rows = list(map(torch.from_numpy, targets))
        self.inputs = pad_sequence([torch.cat([end, row]) for row in rows], True)
        self.targets = pad_sequence([torch.cat([row, end]) for row in rows], True, -1)


def batches(work, path):
    """Minibatches in the order of the file, and a model for them."""
    source, target = load(path)
    rows = range(0, len(source.sequences), work.batch)
    mark = target.n_tokens - 1
    made = [
        Batch(
            source.sequences[k : k + work.batch],
            target.sequences[k : k + work.batch],
            mark,
        )
        for k in rows
    ]

    def make_model():
        torch.manual_seed(0)
        return EncoderDecoder(work, source.n_tokens, target.n_tokens)

    return made, make_model, mark


def train(work, made, model, adam):
    """The mean loss of the last epoch's minibatches."""
    optimizer = torch.optim.Adam(model.parameters(), lr=work.learning_rate, **adam)
    for _ in range(work.epochs):
        losses = []
        for batch in made:
            optimizer.zero_grad()
            loss = model.loss(
                batch.tokens, batch.lengths, batch.inputs, batch.targets, batch.steps
            )
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRAD_NORM)
            optimizer.step()
            losses.append(loss.detach())
    return float(torch.stack(losses).mean())


def fit(work, path):
    made, make_model, _ = batches(work, path)
    adam, name = fastest_adam(make_model())

    def measure():
        start = clock()
        loss = train(work, made, make_model(), adam)
        return clock() - start, f"loss {loss:.3f}, {name} Adam"

    return measure


def predict(work, path, n_steps):
    """The best token of each sequence, step by step, until all have ended.

    The seconds are those of a token that was predicted, times those of the targets.
    """
    made, make_model, mark = batches(work, path)
    model = make_model()
    train(work, made, model, {})
    n_targets = sum(int(batch.steps.sum()) for batch in made)

    @torch.inference_mode()
    def measure():
        start = clock()
        n_predicted = 0
        for batch in made:
            memory, mask, states = model.encode(batch.tokens, batch.lengths)
            ids = torch.full((len(batch.tokens), 1), mark)
            written, alive = [], torch.ones(len(ids), 1, dtype=torch.bool)
            while alive.any() and len(written) < n_steps:
                h, states = model.decoder(model.target(ids), states)
                ids = model.attend(h, memory, mask).argmax(2)
                alive &= ids != mark
                written.append(torch.where(alive, ids, -1))
            rows = torch.cat(written, dim=1).tolist()
            n_predicted += sum(token >= 0 for row in rows for token in row) + len(rows)
        seconds = clock() - start
        return seconds * n_targets / n_predicted, f"{n_predicted} tokens"

    return measure
