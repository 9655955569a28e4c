"""Arrays of real numbers, whatever library they come from."""

import numpy as np


def real_array(name, value):
    """Finite numbers as an array of float32 or float64; errors name them."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a masked array, whose mask would be lost. Pass an array "
            "without one."
        )
    if hasattr(value, "detach"):  # a tensor of PyTorch, perhaps on another device
        value = value.detach().cpu()
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{name} cannot be read as an array: {error}. Convert it to float32 or "
            "float64 first."
        ) from error
    if array.dtype.kind not in "fiu":
        raise TypeError(
            f"{name} holds {array.dtype}, not real numbers. Pass an array or a tensor "
            "of float32 or float64."
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinity.")
    return array.astype(np.result_type(array.dtype, np.float32))
