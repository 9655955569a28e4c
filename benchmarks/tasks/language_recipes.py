"""The settings for language models, and candidates for better ones.

The first recipe of a set is the one that is tested. `language_model.py --choose` scores
all of them on the validation part; where another is better there, put it first.
"""


def words(**parameters):
    """Two layers that read the corpus as one text in 20 streams."""
    defaults = {
        "hidden_layer_sizes": (200, 200),
        "embedding_dim": 200,
        "tie_weights": True,
        # the corpus has its own <unk>: all other tokens keep their ids
        "min_count": 1,
        "contiguous": True,
        "batch_size": 20,
        "tbptt": 35,
        "dropout": 0.3,
        "learning_rate_init": 0.003,
        "max_iter": 9,
    }
    return defaults | parameters


def characters(**parameters):
    defaults = {
        # as wide as those of the published figures
        "hidden_layer_sizes": (1000,),
        "embedding_dim": 64,
        "level": "char",
        "contiguous": True,
        "batch_size": 32,
        "tbptt": 100,
        "dropout": 0.1,
        "learning_rate": "cosine",
        "learning_rate_init": 0.002,
        "max_iter": 6,
        "dtype": "bfloat16",
    }
    return defaults | parameters


RECIPES = {
    "PTB small": [
        words(),
        words(dropout=0.2),
        words(learning_rate_init=0.005),
        words(learning_rate_init=0.002),
        words(tie_weights=False),
    ],
    "PTB medium": [
        words(
            hidden_layer_sizes=(650, 650),
            embedding_dim=650,
            dropout=0.5,
            learning_rate_init=0.002,
            # what two hours on two cores are enough for
            max_iter=12,
            dtype="bfloat16",
        ),
    ],
    "PTB characters": [
        characters(),
        characters(hidden_layer_sizes=(512,)),
        characters(dropout=0.2, max_iter=8),
    ],
    "Shakespeare": [
        characters(hidden_layer_sizes=(256,), dtype="float32", max_iter=5),
    ],
}
