"""CalendarFeatures: timestamps become hour, weekday, month..., as numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from .._sklearn.persistence import Versioned
from .._sklearn.private import Documented
from .._typing import ArrayLike, DataFrame, Estimator
from ._containers import names_in
from ._timestamps import as_table, as_timestamps

YEAR = np.timedelta64(31_556_952, "s")  # of the Gregorian calendar, on average
DAY = np.timedelta64(1, "D")


class Kind(NamedTuple):
    """What is read of timestamps, and how many values it takes, a number or an array
    beside them; None where it goes round no circle."""

    read: Callable  # of datetime64[us]: values from 0
    period: Callable | None


def _whole(spans, unit="D"):
    """How many whole units there are in spans of time that are not negative."""
    return spans.astype(f"timedelta64[{unit}]").astype(np.int64)


def _days(t):
    return t.astype("datetime64[D]")


def _begin(t, unit):
    """The first day of the month or year of each timestamp."""
    return t.astype(f"datetime64[{unit}]").astype("datetime64[D]")


def _within(t, unit, of):
    """Whole units since the last whole unit of the larger kind."""
    return _whole(t - t.astype(f"datetime64[{of}]"), unit)


def _n_days(t, unit):
    """How many days its month or year has."""
    begin = t.astype(f"datetime64[{unit}]")
    return _whole(_begin(begin + 1, unit) - _begin(begin, unit))


def _weekday(t):
    # day 0, 1970-01-01, was a Thursday
    return (_days(t).astype(np.int64) + 3) % 7


def _thursday(t):
    """The Thursday of its week: by ISO 8601 a week is of the year that this is in."""
    return _days(t) + (3 - _weekday(t)) * DAY


def _day_of_year(t):
    return _whole(_days(t) - _begin(t, "Y"))


def _n_weeks(t):
    """How many weeks the year of its week has: 28 December is in the last one."""
    years = _thursday(t).astype("datetime64[Y]")
    late = (years + 1).astype("datetime64[D]") - 4 * DAY
    return _day_of_year(_thursday(late)) // 7 + 1


def _month(t):
    return t.astype("datetime64[M]").astype(np.int64) % 12


KINDS = {
    "second": Kind(lambda t: _within(t, "s", "m"), lambda t: 60),
    "minute": Kind(lambda t: _within(t, "m", "h"), lambda t: 60),
    "hour": Kind(lambda t: _within(t, "h", "D"), lambda t: 24),
    "weekday": Kind(_weekday, lambda t: 7),
    "weekend": Kind(lambda t: (_weekday(t) >= 5).astype(np.int64), None),
    "day": Kind(lambda t: _whole(_days(t) - _begin(t, "M")), lambda t: _n_days(t, "M")),
    "dayofyear": Kind(_day_of_year, lambda t: _n_days(t, "Y")),
    "week": Kind(lambda t: _day_of_year(_thursday(t)) // 7, _n_weeks),
    "month": Kind(_month, lambda t: 12),
    "quarter": Kind(lambda t: _month(t) // 3, lambda t: 4),
    "elapsed": Kind(None, None),
}
# What features="auto" chooses from, with the time in which each goes round.
ROUNDS = {
    "minute": np.timedelta64(1, "h"),
    "hour": DAY,
    "weekday": 7 * DAY,
    "month": 365 * DAY,
}


class CalendarFeatures(Documented, Versioned, TransformerMixin, BaseEstimator):
    """Hour, weekday, month and the like of timestamps, for forecasts.

    What a clock and a calendar say is known ahead, and much of what people do goes by
    it. The result are columns for the table that
    :meth:`SequenceArray.from_long <sklstm.SequenceArray.from_long>` reads; name them in
    `future_features` of :class:`~sklstm.LSTMForecaster`.

    Parameters
    ----------
    features : "auto" or list of str, default="auto"
        What to read of each timestamp:

        - "second", "minute", "hour";
        - "weekday", from Monday, and "weekend", which is 0 or 1;
        - "day" of the month, "dayofyear";
        - "week", after ISO 8601, "month", "quarter";
        - "elapsed": the years since the first timestamp of :meth:`fit`, with decimals.

        "auto" takes those of "minute", "hour", "weekday" and "month" that change from
        one timestamp of :meth:`fit` to the next, which have the least time in between:
        hour, weekday and month for hourly data, weekday and month for daily and month
        for weekly and monthly ones.

    encoding : {"cyclic", "ordinal"}, default="cyclic"
        How to say it:

        - "cyclic": as sine and cosine on a circle, so that 23 h is beside 0 h and
          December beside January;
        - "ordinal": as numbers from 0, for `categorical_features` and embeddings. The
          hour is 0 to 23, the weekday 0 to 6, the month 0 to 11, the day 0 to 30.

        "weekend", "elapsed" and the holiday are one number in both.

    country : str, default=None
        Adds a column "holiday", 1 on the public holidays of this country and 0 on other
        days: a code of two or three letters as "DE" or "USA". Needs the package
        holidays.

    subdiv : str, default=None
        The part of the country, such as "BY" or "CA", which has holidays of its own.

    Attributes
    ----------
    features_ : list of str
        What is read, in this order.

    n_features_in_ : int
        Number of columns of timestamps.

    feature_names_in_ : ndarray of str, shape (n_features_in_,)
        Their names, where X has them.

    See Also
    --------
    sklstm.SequenceArray.from_long : Makes sequences of the table.
    sklstm.LSTMForecaster : Takes such columns as `future_features`.

    Notes
    -----
    Timestamps with a time zone are read as the clocks show them there. "day",
    "dayofyear" and "week" go round once in their own month or year, however long it is.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.preprocessing import CalendarFeatures
    >>> times = np.arange("2024-02-28T22", "2024-02-29T02", dtype="datetime64[h]")
    >>> calendar = CalendarFeatures().fit(times)
    >>> calendar.features_
    ['hour', 'weekday', 'month']
    >>> calendar.get_feature_names_out(["ds"])[:2]
    array(['ds_hour_sin', 'ds_hour_cos'], dtype=object)
    >>> calendar.transform(times)[:, :2].round(2)
    array([[-0.5 ,  0.87],
           [-0.26,  0.97],
           [ 0.  ,  1.  ],
           [ 0.26,  0.97]])
    >>> CalendarFeatures(["hour", "day"], encoding="ordinal").fit_transform(times)
    array([[22, 27],
           [23, 27],
           [ 0, 28],
           [ 1, 28]])
    """

    __module__ = "sklstm.preprocessing"  # the place that pickles name

    def __init__(
        self,
        features: Literal["auto"] | Sequence[str] = "auto",
        *,
        encoding: Literal["cyclic", "ordinal"] = "cyclic",
        country: str | None = None,
        subdiv: str | None = None,
    ) -> None:
        self.features = features
        self.encoding = encoding
        self.country = country
        self.subdiv = subdiv

    def fit(self: Estimator, X: ArrayLike | DataFrame, y: None = None) -> Estimator:
        """Check the parameters and see how far apart the timestamps are.

        Parameters
        ----------
        X : array-like of datetime64, shape (n_rows,) or (n_rows, n_columns)
            Timestamps, in any order and as often as they occur: an array, a Series, an
            index or a DataFrame, of pandas, polars or pyarrow.

        y : None
            Ignored.

        Returns
        -------
        self : CalendarFeatures
            The same object.

        Raises
        ------
        ValueError
            If a parameter is out of its range, or a timestamp is missing; the message
            names its row.
        TypeError
            If X holds no timestamps.
        ImportError
            If `country` is given and the package holidays is not there.
        """
        table, t = self._read(X)
        features = self._check_features(t)
        if self.encoding not in ("cyclic", "ordinal"):
            raise ValueError(
                f"encoding must be 'cyclic' or 'ordinal', got {self.encoding!r}."
            )
        if self.country is not None:
            self._holidays(t[:1])
        elif self.subdiv is not None:
            raise ValueError(
                f"subdiv={self.subdiv!r} is a part of a country, which is not given. "
                "Pass country=... too."
            )
        validate_data(self, table, skip_check_array=True)
        self.features_ = features
        self._start = str(t.min())
        return self

    def transform(self, X: ArrayLike | DataFrame) -> np.ndarray:
        """Read the features of timestamps.

        Parameters
        ----------
        X : array-like of datetime64, shape (n_rows,) or (n_rows, n_columns)
            Timestamps, as in :meth:`fit`, be it later ones.

        Returns
        -------
        X_new : ndarray of shape (n_rows, n_features_out)
            The features, those of the first column first; int64 with
            ``encoding="ordinal"`` and without "elapsed", else float64. A DataFrame
            after :meth:`set_output`.

        Raises
        ------
        ValueError
            If a timestamp is missing, or X has other columns than in :meth:`fit`.
        TypeError
            If X holds no timestamps.
        """
        check_is_fitted(self)
        table, t = self._read(X)
        validate_data(self, table, reset=False, skip_check_array=True)
        columns = [
            values for j in range(t.shape[1]) for values in self._values(t[:, j])
        ]
        return np.stack(columns, axis=1)

    def get_feature_names_out(
        self, input_features: ArrayLike | None = None
    ) -> np.ndarray:
        """Return the names of the output features.

        Parameters
        ----------
        input_features : array-like of str, shape (n_features_in_,), default=None
            Names of the columns of timestamps. None is ``feature_names_in_`` or ``x0``,
            ``x1``...

        Returns
        -------
        names : ndarray of str, shape (n_features_out,)
            ``ds_hour_sin`` and ``ds_hour_cos`` for the hour of column ``ds``,
            ``ds_hour`` with ``encoding="ordinal"``.

        Raises
        ------
        ValueError
            If ``input_features`` do not fit to X as seen in fit.
        """
        check_is_fitted(self)
        ends = []
        for feature in self.features_:
            on_circle = self.encoding == "cyclic" and KINDS[feature].period is not None
            ends += [f"{feature}_sin", f"{feature}_cos"] if on_circle else [feature]
        if self.country is not None:
            ends.append("holiday")
        names = names_in(self, input_features)
        return np.array([f"{name}_{end}" for name in names for end in ends], object)

    def _read(self, X):
        """X as a table, and its timestamps (n_rows, n_columns)."""
        table = as_table(X)
        return table, as_timestamps(table, type(self).__name__)

    def _check_features(self, t):
        """The features asked for, or those that change between timestamps."""
        asked = self.features
        if isinstance(asked, str):
            if asked != "auto":
                raise ValueError(
                    f"features must be 'auto' or a list of names, got {asked!r}. "
                    f"features=[{asked!r}] is a list of one."
                )
            spacing = min(_spacing(column) for column in t.T)
            features = [name for name, round in ROUNDS.items() if spacing < round]
            if not features:
                raise ValueError(
                    f"The timestamps are {spacing // DAY} days or more apart, so that "
                    "neither hour nor weekday nor month tells them apart. Name the "
                    "features: features=['elapsed']."
                )
            return features
        if not isinstance(asked, Iterable):
            raise ValueError(
                f"features must be 'auto' or a list of names, got {asked!r}."
            )
        features = list(asked)
        for k, name in enumerate(features):
            if not isinstance(name, str) or name not in KINDS:
                raise ValueError(
                    f"features has {name!r}, which is none of {', '.join(KINDS)}."
                )
            if name in features[:k]:
                raise ValueError(f"features has {name!r} more than once.")
        if not features and self.country is None:
            raise ValueError(f"features is empty. Name some of {', '.join(KINDS)}.")
        return features

    def _values(self, t):  # (n_rows,)
        """The columns that one column of timestamps becomes."""
        for name in self.features_:
            kind = KINDS[name]
            if name == "elapsed":
                yield (t - np.datetime64(self._start)) / YEAR
            elif self.encoding == "ordinal" or kind.period is None:
                yield kind.read(t)
            else:
                angle = 2 * np.pi * kind.read(t) / kind.period(t)
                yield np.sin(angle)
                yield np.cos(angle)
        if self.country is not None:
            days, place = np.unique(_days(t), return_inverse=True)
            yield np.isin(days, self._holidays(days)).astype(np.int64)[place]

    def _holidays(self, t):
        """The holidays in the years of these timestamps."""
        try:
            import holidays
        except ImportError as error:
            raise ImportError(
                f"{type(self).__name__}(country={self.country!r}) needs holidays: "
                "pip install holidays"
            ) from error
        years = np.unique(t.astype("datetime64[Y]")).astype(np.int64) + 1970
        try:
            found = holidays.country_holidays(
                self.country, subdiv=self.subdiv, years=years.tolist()
            )
        except (NotImplementedError, AttributeError, TypeError) as error:
            raise ValueError(
                f"The package holidays does not know country={self.country!r} with "
                f"subdiv={self.subdiv!r}: {error}"
            ) from error
        return np.array(sorted(found), dtype="datetime64[D]")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.no_validation = True  # of numbers: those are no timestamps
        return tags


def _spacing(t):
    """The least time between different timestamps; of one alone none."""
    distinct = np.unique(t)
    return np.diff(distinct).min() if len(distinct) > 1 else np.timedelta64(0, "us")
