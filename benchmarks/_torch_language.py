"""What PyTorch does as a language model: streams with carried states, generation."""

import torch
from _language_work import LEARNING_RATE, MAX_GRAD_NORM, clock, load
from _torch import describe, fastest_adam, precision

__all__ = ["describe", "fit", "generate"]


class LanguageModel(torch.nn.Module):
    """An embedding, LSTM layers of one size and a linear head over the tokens."""

    def __init__(self, n_tokens, n_dimensions, n_units):
        super().__init__()
        if len(set(n_units)) > 1:
            raise ValueError(f"the layers differ in size: {n_units}")
        self.embedding = torch.nn.Embedding(n_tokens, n_dimensions)
        self.lstm = torch.nn.LSTM(n_dimensions, n_units[0], num_layers=len(n_units))
        self.head = torch.nn.Linear(n_units[-1], n_tokens)

    def forward(self, ids, states=None):
        """Logits (steps, streams, tokens) of ids (steps, streams), and the states."""
        h, states = self.lstm(self.embedding(ids), states)
        return self.head(h), states


def make_model(work, corpus):
    torch.manual_seed(0)
    return LanguageModel(corpus.n_tokens, work.n_dimensions, work.n_units)


def fit(work, path):
    corpus = load(path)
    inputs, targets = map(torch.from_numpy, corpus.streams(work.n_streams))
    adam, name = fastest_adam(make_model(work, corpus))

    def measure():
        start = clock()
        model = make_model(work, corpus)
        optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, **adam)
        states, losses = None, []
        for x, y in zip(inputs.split(work.n_steps), targets.split(work.n_steps)):
            optimizer.zero_grad()
            with precision(work):
                logits, states = model(x, states)
                loss = torch.nn.functional.cross_entropy(
                    logits.flatten(0, 1), y.flatten()
                )
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRAD_NORM)
            optimizer.step()
            states = tuple(state.detach() for state in states)
            losses.append(loss.detach())
        mean = float(torch.stack(losses).mean())
        return clock() - start, f"loss {mean:.3f}, {name} Adam"

    return measure


def generate(work, path):
    """A step of all texts at a time; what was drawn is read in the next step."""
    corpus = load(path)
    model = make_model(work, corpus).eval()

    @torch.inference_mode()
    def measure():
        start = clock()
        torch.manual_seed(0)
        ids = torch.full((1, work.n_samples), corpus.n_tokens - 1)
        states, texts = None, []
        for _ in range(work.length):
            logits, states = model(ids, states)
            ids = torch.multinomial(logits[0].softmax(1), 1).T
            texts.append(ids)
        torch.cat(texts).T.tolist()
        return clock() - start, ""

    return measure
