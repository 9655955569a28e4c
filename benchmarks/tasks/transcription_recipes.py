"""The settings for transcription, and candidates for better ones.

The first recipe of a set is the one that is tested. It was chosen on a part of the
training data, with one seed or two; `transcription.py --choose` scores all of them
there, and where another is better, put it first.
"""

from sklearn.preprocessing import StandardScaler

from sklstm.preprocessing import FrameStacker, LogMel, TimeDistributed


def front_end(name, n_frames=3):
    """The steps before a transcriber: frames of sound, or of columns of pixels."""
    if name == "digits":
        mel = LogMel(8000, preemphasis=0.97)
        return mel, FrameStacker(n_frames), TimeDistributed(StandardScaler())
    # frames that overlap: the strokes of a letter are together in one
    return (
        FrameStacker(2 * n_frames, step=n_frames),
        TimeDistributed(StandardScaler()),
    )


def transcriber(**parameters):
    defaults = {
        "hidden_layer_sizes": 128,
        "bidirectional": True,
        "batch_size": 32,
        "learning_rate_init": 0.004,
        "dropout": 0.2,
    }
    return defaults | parameters


RECIPES = {
    "digits": [
        transcriber(n_frames=4, dropout=0.5, max_iter=12),
        transcriber(n_frames=3, dropout=0.3, max_iter=12),
        transcriber(n_frames=3, dropout=0.2, max_iter=12, hidden_layer_sizes=96),
    ],
    "lines": [
        transcriber(n_frames=2, dropout=0.3, max_iter=9, learning_rate_init=0.005),
        transcriber(n_frames=2, dropout=0.4, max_iter=12),
        transcriber(n_frames=2, dropout=0.1, max_iter=14),
        transcriber(n_frames=3, dropout=0.1, max_iter=8),
    ],
}
