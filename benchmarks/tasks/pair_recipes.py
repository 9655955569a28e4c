"""The settings for pairs of sequences, and candidates for better ones.

The first recipe of a set is the one that is tested. `seq2seq.py --choose` scores
all of them on the validation part; where another is better there, put it first.
"""

from typing import NamedTuple


class Recipe(NamedTuple):
    """Parameters of the estimator, and whether it learns all targets or the first.

    `--choose` scores each fitted model with other settings of its beams too.
    """

    parameters: dict
    all_targets: bool = False
    beams: tuple = ({},)

    def __str__(self):
        named = ", ".join(
            f"{name}={value!r}" for name, value in self.parameters.items()
        )
        return named + ", all targets" * self.all_targets


def spelling(all_targets=False, **parameters):
    """One layer of 256 on each side."""
    defaults = {
        "hidden_layer_sizes": (256,),
        "embedding_dim": 128,
        "bidirectional": True,
        "attention": "general",
        "beam_size": 5,
        "dropout": 0.2,
        "batch_size": 128,
        "learning_rate_init": 0.003,
        "max_iter": 12,
    }
    return Recipe(defaults | parameters, all_targets)


def translation(**parameters):
    defaults = {
        "hidden_layer_sizes": (256,),
        "embedding_dim": 256,
        "level": "word",
        "bidirectional": True,
        "attention": "general",
        "beam_size": 5,
        "length_penalty": 1.0,
        "dropout": 0.4,
        "batch_size": 64,
        "learning_rate_init": 0.002,
        "max_iter": 12,
    }
    penalties = [{}, {"length_penalty": 0.5}, {"length_penalty": 1.5}]
    return Recipe(defaults | parameters, beams=(*penalties, {"beam_size": 10}))


def dates(**parameters):
    defaults = {
        "hidden_layer_sizes": (64,),
        "embedding_dim": 32,
        "bidirectional": True,
        "attention": "general",
        "batch_size": 64,
        "learning_rate_init": 0.005,
        "max_iter": 15,
    }
    return Recipe(defaults | parameters)


RECIPES = {
    "CMUdict": [
        spelling(),
        spelling(all_targets=True),
        spelling(dropout=0.3, max_iter=20),
        spelling(dropout=0.3, hidden_layer_sizes=(512,), max_iter=12),
        spelling(bidirectional=False),
    ],
    "Multi30k": [
        translation(),
        translation(dropout=0.5, max_iter=15),
        translation(dropout=0.3),
        translation(hidden_layer_sizes=(512,)),
        translation(attention="additive"),
    ],
    "dates": [dates()],
}
