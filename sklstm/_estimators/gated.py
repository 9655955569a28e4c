"""What the families with gates have in common."""

from numbers import Real

from .._sklearn.private import Interval, StrOptions


class Gated:
    """The parameter of the gate that decides how much of its state a unit keeps."""

    _family_constraints = {
        "forget_bias": [
            Interval(Real, None, None, closed="neither"),
            StrOptions({"chrono"}),
        ],
    }

    def _initial_options(self, lengths):
        return {"forget_bias": self.forget_bias, "longest": int(lengths.max())}
