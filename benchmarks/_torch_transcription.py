"""What PyTorch does with transcripts: a packed LSTM of both directions and its CTCLoss.

Sequences and transcripts are tensors already, padded once; a minibatch is cut to its
longest.
"""

import torch
from _torch import describe, fastest_adam
from _transcription_work import BATCH, LEARNING_RATE, MAX_GRAD_NORM, clock, load
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

__all__ = ["describe", "fit"]


class Transcriber(torch.nn.Module):
    """A linear head at every step; the last of its outputs is the blank."""

    def __init__(self, n_features, n_units, n_labels):
        super().__init__()
        self.lstm = torch.nn.LSTM(
            n_features, n_units, batch_first=True, bidirectional=True
        )
        self.head = torch.nn.Linear(2 * n_units, n_labels + 1)
        self.ctc = torch.nn.CTCLoss(blank=n_labels)

    def forward(self, frames, n_frames):
        packed = pack_padded_sequence(
            frames, n_frames, batch_first=True, enforce_sorted=False
        )
        hidden, _ = pad_packed_sequence(self.lstm(packed)[0])
        return self.head(hidden).log_softmax(2)  # (T, B, K)

    def loss(self, frames, n_frames, labels, n_labels):
        return self.ctc(self(frames, n_frames), labels, n_frames, n_labels)


class Loop:
    """The training loop: Adam, minibatches in turn, cut to their longest."""

    def __init__(self, model, adam):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, **adam)

    def epoch(self, frames, n_frames, labels, n_labels):
        """The mean loss of the minibatches."""
        losses = []
        for begin in range(0, len(frames), BATCH):
            rows = slice(begin, begin + BATCH)
            T, L = n_frames[rows], n_labels[rows]
            x, y = frames[rows, : int(T.max())], labels[rows, : int(L.max())]
            self.optimizer.zero_grad()
            loss = self.model.loss(x, T, y, L)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), MAX_GRAD_NORM)
            self.optimizer.step()
            losses.append(loss.detach())
        return float(torch.stack(losses).mean())


def padded(sequences):
    tensors = list(map(torch.from_numpy, sequences))
    return pad_sequence(tensors, True), torch.tensor(list(map(len, tensors)))


def fit(work, path):
    data = load(path)
    given = *padded(data.frames), *padded(data.labels)
    sizes = data.frames[0].shape[1], work.n_units, data.n_labels
    adam, name = fastest_adam(Transcriber(*sizes))

    def measure():
        start = clock()
        torch.manual_seed(0)
        loop = Loop(Transcriber(*sizes), adam)
        for _ in range(work.epochs):
            loss = loop.epoch(*given)
        return clock() - start, f"loss {loss:.3f}, {name} Adam"

    return measure
