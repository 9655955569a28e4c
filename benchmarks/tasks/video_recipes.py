"""The settings of ConvLSTMForecaster for each set, and candidates for better ones.

The first recipe of a set is the one that is tested; `video.py --choose` scores all of
them on validation data.
"""


def digits(**parameters):
    common = {"hidden_channels": (32, 32), "kernel_size": 3, "patch_size": 4}
    common |= {"learning_rate_init": 0.003, "batch_size": 8}
    common |= {"windows_per_epoch": 2000, "max_iter": 15}
    return common | parameters


def radar(**parameters):
    common = {"hidden_channels": (32, 32), "kernel_size": 3, "patch_size": 8}
    common |= {"transform": "sqrt", "learning_rate_init": 0.003, "batch_size": 8}
    common |= {"windows_per_epoch": 512, "max_iter": 12}
    return common | parameters


RECIPES = {
    "digits": [
        digits(),
        digits(loss="binary_cross_entropy"),
        digits(hidden_channels=(64, 64), max_iter=6),
        digits(kernel_size=5, max_iter=6),
    ],
    "digits 64": [digits(max_iter=5), digits(patch_size=8)],
    "radar": [
        radar(),
        radar(transform="log"),
        radar(loss="absolute_error"),
        radar(kernel_size=5, max_iter=6),
        radar(patch_size=4, max_iter=4),
    ],
}
