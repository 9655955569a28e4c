"""Beijing PM2.5: how much fine dust will be in the air."""

from __future__ import annotations

from numbers import Integral
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.utils import Bunch

from .._sklearn.private import Interval, StrOptions, validate_params
from ..sequences import SequenceArray
from ._resources import read_arrays, read_description

_FEATURE_NAMES = [
    "pm2.5", "dew_point", "temperature", "pressure", "wind_ne", "wind_nw", "wind_se",
    "wind_calm", "wind_speed", "snow", "rain",
]  # fmt: skip


@validate_params(
    {
        "subset": [StrOptions({"train", "test", "all"})],
        "n_hours": [Interval(Integral, 1, 24 * 28, closed="both")],
        "horizon": [Interval(Integral, 1, 24 * 28, closed="both")],
        "missing": [StrOptions({"drop", "keep"})],
        "return_X_y": ["boolean"],
        "as_frame": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def load_beijing_pm25(
    *,
    subset: Literal["train", "test", "all"] = "train",
    n_hours: int = 24,
    horizon: int = 1,
    missing: Literal["drop", "keep"] = "drop",
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Bunch | tuple[SequenceArray, np.ndarray]:
    """Load the Beijing PM2.5 data (regression, hourly air quality and weather).

    From the last ``n_hours`` hours of PM2.5 and weather to the concentration of PM2.5
    ``horizon`` hours later. Compare with persistence, which predicts the last value
    seen: ``X.data[X.offsets[1:] - 1, 0]``. One hour ahead it is hard to beat.

    =================   ==============
    Hours               8760 train (2013), 8760 test (2014)
    Features per step               11
    Target              real, 2 to 886
    =================   ==============

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        Targets of 2013, of 2014, or of both. The windows of the first hours of 2014
        reach back into 2013, as they would for a forecaster; no target is in both.

    n_hours : int, default=24
        Number of steps of a sequence, at most 672 (four weeks).

    horizon : int, default=1
        How many hours after the last step the target is, at most 672.

    missing : {"drop", "keep"}, default="drop"
        About 1 % of the hours have no PM2.5. They are never targets; "drop" also
        leaves out the windows that have such an hour, "keep" leaves NaN in them, to be
        imputed. No other feature has missing values.

    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.

    as_frame : bool, default=False
        Whether the Bunch also has a table of all hours, as forecasters take it. Needs
        pandas.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes

        data : SequenceArray of shape (n_windows, None, 11)
            One window per target, in order of time, float64.
        target : ndarray of float, shape (n_windows,)
            PM2.5 at the target hour, in micrograms per cubic metre.
        time : ndarray of datetime64[h], shape (n_windows,)
            The target hour.
        feature_names : list of str
            Names of the 11 features.
        target_names : list of str
            The name of the target.
        frame : DataFrame of shape (n_hours, 13)
            One row per hour of the subset, whatever is missing, with its time ``ds``
            and the 11 features, all of one series, "Beijing" in column ``unique_id``.
            Only with ``as_frame=True``.
        DESCR : str
            Description, source and licence.
        filename : str
            The data file within the package.

    (data, target) : tuple if ``return_X_y`` is True
        The sequences and the targets.

    Raises
    ------
    ValueError
        If a parameter is outside of its range, or if ``return_X_y`` and ``as_frame``
        are both True.

    ImportError
        If ``as_frame`` is True and pandas is not there.

    References
    ----------
    .. [1] X. Liang, T. Zou, B. Guo, S. Li, H. Zhang, S. Zhang, H. Huang, S. X. Chen
       (2015). "Assessing Beijing's PM2.5 pollution: severity, weather impact, APEC and
       winter heating". Proceedings of the Royal Society A 471: 20150257.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.datasets import load_beijing_pm25
    >>> X, y = load_beijing_pm25(subset="test", return_X_y=True)
    >>> X
    <SequenceArray: 7950 sequences, 24 steps, 11 features, float64>
    >>> persistence = X.data[X.offsets[1:] - 1, 0]
    >>> round(float(np.sqrt(np.mean((y - persistence) ** 2))), 1)
    22.3
    """
    if return_X_y and as_frame:
        raise ValueError(
            "return_X_y=True has no place for the frame of as_frame=True. Use one of "
            "them."
        )
    filename = "beijing_pm25.npz"
    arrays = read_arrays(filename)
    pm25 = np.where(arrays["pm25"] < 0, np.nan, arrays["pm25"])
    hours = np.datetime64(str(arrays["start"]), "h") + np.arange(len(pm25))
    table = np.column_stack(
        [
            pm25,
            arrays["dew_point"],
            arrays["temperature"],
            arrays["pressure"],
            arrays["wind"][:, np.newaxis] == np.arange(4),
            arrays["wind_speed"],
            arrays["snow"],
            arrays["rain"],
        ]
    )
    # Window w holds the hours w .. w + n_hours - 1, its target is horizon hours later.
    first_target = n_hours - 1 + horizon
    windows = sliding_window_view(table, n_hours, axis=0)[: len(table) - first_target]
    windows = windows.transpose(0, 2, 1)
    y, time = pm25[first_target:], hours[first_target:]

    keep = ~np.isnan(y)
    if subset != "all":
        keep &= (time >= np.datetime64("2014-01-01T00")) == (subset == "test")
    if missing == "drop":
        gaps = sliding_window_view(np.isnan(pm25), n_hours)[: len(y)]
        keep &= ~gaps.any(axis=1)
    X, y, time = SequenceArray.from_padded(windows[keep]), y[keep], time[keep]
    if return_X_y:
        return X, y
    more = {"frame": _as_frame(table, hours, subset)} if as_frame else {}
    return Bunch(
        data=X,
        target=y,
        time=time,
        feature_names=list(_FEATURE_NAMES),
        target_names=["pm2.5"],
        DESCR=read_description("beijing_pm25.rst"),
        filename=filename,
        **more,
    )


def _as_frame(table, hours, subset):
    """All hours of the subset as one series of a long table."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "load_beijing_pm25(as_frame=True) needs pandas: pip install pandas"
        ) from error
    of_test = hours >= np.datetime64("2014-01-01T00")
    rows = slice(None) if subset == "all" else of_test == (subset == "test")
    frame = pd.DataFrame(table[rows], columns=_FEATURE_NAMES)
    frame.insert(0, "unique_id", "Beijing")
    frame.insert(1, "ds", hours[rows].astype("datetime64[s]"))
    return frame
