"""The settings of ConvLSTMForecaster for each set, and candidates for better ones.

The first recipe of a set is the one that is tested; `video.py --choose` scores all of
them on validation data.
"""


def digits(**parameters):
    common = {"hidden_channels": (64, 64), "kernel_size": 5, "patch_size": 4}
    common |= {"learning_rate_init": 0.002, "batch_size": 16, "max_iter": 20}
    return common | parameters


def radar(**parameters):
    common = {"hidden_channels": (32, 32), "kernel_size": 5, "patch_size": 8}
    common |= {"transform": "sqrt", "learning_rate_init": 0.002, "batch_size": 8}
    common |= {"windows_per_epoch": 512, "max_iter": 10}
    return common | parameters


RECIPES = {
    "digits": [digits(), digits(loss="binary_cross_entropy"), digits(kernel_size=3)],
    "digits 64": [digits(), digits(loss="binary_cross_entropy")],
    "radar": [
        radar(),
        radar(transform="log"),
        radar(kernel_size=3),
        radar(patch_size=4),
        radar(loss="absolute_error"),
    ],
}
