"""The settings for language models, and candidates for better ones.

The first recipe of a set is the one that is tested. It was chosen on the validation
part by `language_model.py --choose`; where another is better there, put it first.
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
        "max_iter": 10,
    }
    return defaults | parameters


def characters(**parameters):
    defaults = {
        "hidden_layer_sizes": (512,),
        "embedding_dim": 64,
        "level": "char",
        "contiguous": True,
        "batch_size": 64,
        "tbptt": 100,
        "dropout": 0.1,
        "learning_rate_init": 0.003,
        "max_iter": 6,
    }
    return defaults | parameters


RECIPES = {
    "PTB small": [
        words(),
        words(dropout=0.2, max_iter=8),
        words(dropout=0.3, learning_rate_init=0.005),
        words(dropout=0.4, max_iter=14),
        words(tie_weights=False, dropout=0.3),
    ],
    "PTB medium": [
        words(
            hidden_layer_sizes=(650, 650),
            embedding_dim=650,
            dropout=0.5,
            learning_rate_init=0.002,
            max_iter=39,
        ),
    ],
    "PTB characters": [
        characters(),
        characters(hidden_layer_sizes=(256, 256), dropout=0.1),
        characters(hidden_layer_sizes=(512,), dropout=0.0, max_iter=4),
    ],
    "Shakespeare": [
        characters(hidden_layer_sizes=(256,), dropout=0.1, max_iter=5),
    ],
}
