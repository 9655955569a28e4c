"""The names of scikit-learn that are not public, all that sklstm takes."""

from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    Options,
    RealNotInt,
    StrOptions,
    validate_parameter_constraints,
    validate_params,
)
from sklearn.utils.validation import _num_samples as num_samples

from .._version import __version__

__all__ = [
    "PAGES",
    "Documented",
    "HasMethods",
    "Interval",
    "Options",
    "RealNotInt",
    "StrOptions",
    "num_samples",
    "validate_parameter_constraints",
    "validate_params",
]

# Where the documentation of this version is.
_FOLDER = "dev" if ".dev" in __version__ else "stable"
PAGES = f"https://sklstm.github.io/sklstm/{_FOLDER}"


class Documented:
    """Mixin of estimators whose diagram links to their page.

    scikit-learn makes the links of the parameters of the same address.
    """

    _doc_link_module = "sklstm"
    _doc_link_template = (
        f"{PAGES}/api/generated/{{estimator_module}}.{{estimator_name}}.html"
    )
