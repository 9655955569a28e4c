"""Weights from and to the modules of PyTorch, without PyTorch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from .._estimators.checks import hidden_sizes
from .._estimators.fitted import fitted_of
from .._network.cells import CELLS
from .._typing import ArrayLike, Estimator
from ..sequences._columns import real_array
from ._common import (
    check_gates,
    check_shape,
    check_units,
    fitted,
    has_labels,
    n_tables,
    taken_apart,
    unfitted,
)

# rnn.weight_ih_l0_reverse; torch.nn.LSTMCell and the like have no _l0.
_RECURRENT = re.compile(
    r"(?:(?P<path>.+)\.)?(?P<kind>(?:weight|bias)_(?:ih|hh|hr)|peephole)"
    r"(?:_l(?P<layer>\d+)(?P<reverse>_reverse)?)?"
)
# embedding.weight, emb_3.weight; `embedding` in weights_.
_TABLE = re.compile(r"((?:.+[._])?emb(?:ed(?:ding)?s?)?)(?:_(\d+))?(?:\.weight)?")
_UNITS = ("target_mean", "target_scale")
_PATHS = ("transitions", "start_transitions", "end_transitions")
_SCORES = re.compile(r"(?:.+\.)?((?:start_|end_)?transitions)")


def from_torch(
    state_dict: Mapping[str, Any],
    estimator: Estimator,
    *,
    classes: ArrayLike | None = None,
    multilabel: bool = False,
    target_mean: float | ArrayLike | None = None,
    target_scale: float | ArrayLike | None = None,
    recurrent: str | Sequence[str] | None = None,
    head: str | None = None,
    embedding: str | None = None,
) -> Estimator:
    """Make a fitted estimator of the weights of a PyTorch model.

    The model is one that reads sequences with :class:`torch.nn.LSTM`,
    :class:`torch.nn.GRU` or :class:`torch.nn.RNN` and sends the last hidden states
    (``h_n``), or with `pooling` the mean or maximum of all, with a target at every step
    each of them, through one :class:`torch.nn.Linear`. What comes back predicts,
    transforms and is saved like any fitted estimator, and goes on training with
    ``partial_fit``, or with ``fit`` where ``warm_start=True``. PyTorch itself is not
    needed.

    Parameters
    ----------
    state_dict : mapping of str to array or tensor
        What ``model.state_dict()`` returns: tensors on any device, or arrays. Or
        `weights_` of a fitted estimator, which also has what PyTorch has not:
        ``peephole_l0`` and so on for an LSTM with ``peephole=True``, and ``attention``
        with ``pooling="attention"``. Of a tagger with ``crf=True`` it also holds
        ``transitions`` (K, K), ``start_transitions`` (K,) and ``end_transitions`` (K,),
        perhaps of a module such as ``crf.transitions``, as pytorch-crf names them; -inf
        forbids.

    estimator : estimator
        An unfitted estimator that says what the weights are of: its class is the family
        of cells and the task, ``hidden_layer_sizes``, ``bidirectional``, ``pooling``
        and (of an RNN) ``activation`` the network, ``embedding_dim`` and
        ``categorical_features`` (as indices or a mask) what of X is ids, ``dtype`` the
        precision. The rest of its parameters is for what comes after. It is not
        changed.

    classes : array-like of shape (n_classes,), default=None
        Labels of the outputs of the head, in their order; with one output two labels,
        of which it is the log-odds of the second. None is 0, 1, ... Only for
        classifiers, taggers and transcribers; of these the last output is the blank's,
        which has no label, and a string of labels lets predictions be strings.

    multilabel : bool, default=False
        Whether each output is a label of its own, with a logistic function. Only for
        classifiers.

    target_mean : float or array-like of shape (n_outputs,), default=None
        Mean that was taken off the targets before the model was trained on them. None
        is that of `state_dict` if it holds ``target_mean``, else 0. Only for
        regressors.

    target_scale : float or array-like of shape (n_outputs,), default=None
        What targets were divided by then: predictions are ``target_scale * output +
        target_mean``. None is that of `state_dict`, else 1. Only for regressors.

    recurrent : str or list of str, default=None
        Path of the recurrent module in the model, as
        :meth:`torch.nn.Module.get_submodule` takes it, or a list of paths, the lowest
        first. None looks for it: there must be one, or several that are numbered from 0
        (those of a :class:`torch.nn.ModuleList`).

    head : str, default=None
        Path of the linear module. None looks for it: there must be one.

    embedding : str, default=None
        Path of the :class:`torch.nn.Embedding` that the ids go through, where
        `estimator` has `embedding_dim`; of several columns what comes before their
        numbers, as in ``embedding_1`` and ``embedding_3``. None looks for a path that
        ends in "embedding", "embed" or "emb".

    Returns
    -------
    model : estimator
        A fitted clone of `estimator`.

    Raises
    ------
    TypeError
        If `state_dict` is no mapping, `estimator` no recurrent estimator, or weights
        are not real numbers.
    ValueError
        If weights are missing or left over, or of another shape than `estimator` has
        them, if `classes` do not fit the head, or if `estimator` has a list of
        quantiles, whose outputs are no predictions. The message names key and shape.

    See Also
    --------
    to_torch : The way back.
    from_keras : The same from Keras.
    from_onnx : The same from the operators of ONNX.

    Notes
    -----
    Weights do not tell what a network is for, nor how it reads a sequence: an estimator
    does. So it is passed, as to any other tool of scikit-learn, and checked against the
    shapes instead of being guessed from them: the result has exactly the parameters
    that are written in the program, and ``clone(model).fit`` trains the same network
    anew. An error says which parameters fit the weights.

    PyTorch has two biases, which are added for an LSTM and an RNN, for a GRU but for
    that of its candidate. A head of two outputs for two classes becomes one of their
    difference, which has the same probabilities. Layers without biases get zeros.

    The state of PyTorch's optimizer is left: the first step is that of a new one.
    There is no history, so ``loss_curve_`` is empty. With ``missing="ffill"`` or
    "indicator" features that were not seen yet are 0.

    Row 0 of a table also stands for every id beyond it, which is an error in PyTorch.
    With several columns of ids, or numbers beside them, the lowest recurrent layer
    reads the rows in the order of the columns and the numbers behind them.

    Dropout has no weights: set `dropout` for more training. Of a bidirectional model
    ``output[:, -1]`` is not its last hidden states, because in it the backward
    direction has read one step; those are ``h_n``, which both directions end with, and
    ``pooling="last"`` reads them.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import RNNClassifier
    >>> from sklstm.export import from_torch
    >>> rng = np.random.default_rng(0)
    >>> state_dict = {
    ...     "rnn.weight_ih_l0": rng.standard_normal((4, 2)),
    ...     "rnn.weight_hh_l0": rng.standard_normal((4, 4)),
    ...     "rnn.bias_ih_l0": rng.standard_normal(4),
    ...     "rnn.bias_hh_l0": rng.standard_normal(4),
    ...     "fc.weight": rng.standard_normal((3, 4)),
    ...     "fc.bias": rng.standard_normal(3),
    ... }
    >>> model = from_torch(state_dict, RNNClassifier(4), classes=["lo", "mid", "hi"])
    >>> model.predict(np.zeros((2, 5, 2))).shape
    (2,)
    """
    known = ("peephole", "attention", "crf", "tables")
    model = unfitted(estimator, "PyTorch", multilabel, known)
    if not isinstance(state_dict, Mapping):
        advice = ""
        if hasattr(state_dict, "state_dict"):
            advice = " Pass model.state_dict()."
        raise TypeError(
            "state_dict must be a mapping of names to arrays or tensors, got "
            f"{type(state_dict).__name__}.{advice}"
        )
    scores = _scores_of_labels(state_dict)
    taken = [key for key, _ in scores.values()]
    others = [key for key in state_dict if key not in taken]
    arrays = {key: real_array(key, state_dict[key]) for key in others}
    given = {"target_mean": target_mean, "target_scale": target_scale}
    for name in _UNITS:
        value = arrays.pop(name, None)
        if given[name] is None:
            given[name] = value
    tables = _tables(arrays, embedding, model)
    modules = _recurrent_modules(arrays)
    layers = []
    for path in _paths(modules, recurrent):
        layers += _layers(path, modules.pop(path))
    n_features, weights = _checked(layers, arrays, model)
    linear = _linear(arrays, head, model)
    attention = _attention(arrays, model)
    paths = None
    if getattr(model, "crf", False) and not multilabel:
        paths = _paths_of_labels(scores, len(linear[1]), model)
    elif scores:
        advice = ": pass LSTMTagger(crf=True)" if has_labels(model) else ""
        raise ValueError(
            f"state_dict holds {next(iter(scores.values()))[0]!r}, of a conditional "
            f"random field, which {type(model).__name__} as it is passed has "
            f"not{advice}."
        )
    if arrays:
        raise ValueError(
            f"state_dict holds {', '.join(map(repr, arrays))}, which have no place in "
            f"{type(model).__name__}: it is recurrent layers and one linear layer. If "
            "the predictions do not need them, leave them out of state_dict."
        )
    return fitted(
        model, n_features, weights, linear, classes=classes, multilabel=multilabel,
        attention=attention, paths=paths, tables=tables, **given,
    )  # fmt: skip


def _tables(arrays, path, model):
    """Key and array of each table, by their numbers, taken out of `arrays`."""
    found = {}
    for key in arrays:
        match = _TABLE.fullmatch(key)
        if path is not None:
            match = re.fullmatch(rf"({re.escape(path)})(?:_(\d+))?(?:\.weight)?", key)
        if match:
            found.setdefault(match[1], []).append((int(match[2] or 0), key))
    needed, name = n_tables(model), type(model).__name__
    if not needed:
        if path is not None or found:
            key = found[min(found)][0][1] if found else path
            raise ValueError(
                f"{key!r} is the table of an embedding, but {name} has "
                "embedding_dim=None, which reads X as numbers. Set embedding_dim to "
                "the length of its rows."
            )
        return []
    there = ", ".join(repr(key) for keys in found.values() for _, key in keys)
    if len(found) != 1 or len(found[min(found)]) != needed:
        wanted = "embedding.weight" if needed == 1 else "embedding_0.weight and so on"
        raise ValueError(
            f"state_dict holds {there or 'no table of an embedding'}, but {name} with "
            f"embedding_dim={model.embedding_dim!r} has {needed} table(s), {wanted}. "
            "Say where they are: embedding=..., or rename the keys."
        )
    return [(key, arrays.pop(key)) for _, key in sorted(found[min(found)])]


def _recurrent_modules(arrays):
    """Keys of each recurrent module, by layer and by the beginning of their names."""
    modules = {}
    for key in arrays:
        match = _RECURRENT.fullmatch(key)
        if match is None:
            continue
        if match["kind"] == "weight_hr":
            raise ValueError(
                f"{key} is a projection of an LSTM (proj_size), which sklstm does not "
                "have."
            )
        layers = modules.setdefault(match["path"] or "", {})
        names = layers.setdefault(int(match["layer"] or 0), {})
        names[match["kind"] + (match["reverse"] or "")] = key
    return modules


def _paths(modules, recurrent):
    """Paths of the recurrent modules, the lowest first."""
    found = sorted(modules)
    if not found:
        raise ValueError(
            "state_dict holds no recurrent layer: no key ends in weight_ih_l0."
        )
    if recurrent is not None:
        paths = [recurrent] if isinstance(recurrent, str) else list(recurrent)
        for path in paths:
            if path not in modules:
                raise ValueError(
                    f"recurrent={recurrent!r}: there is no recurrent layer at "
                    f"{path!r}, but at {', '.join(map(repr, found))}."
                )
            if paths.count(path) > 1:
                raise ValueError(
                    f"recurrent={recurrent!r} holds {path!r} twice. Name each "
                    "recurrent layer once, the lowest first."
                )
        return paths
    if len(found) == 1:
        return found
    numbered = [re.fullmatch(r"(?:(.+)\.)?(\d+)", path) for path in found]
    if all(numbered) and len({match[1] for match in numbered}) == 1:
        by_number = {int(match[2]): match[0] for match in numbered}
        if sorted(by_number) == list(range(len(found))):
            return [by_number[k] for k in range(len(found))]
    raise ValueError(
        f"state_dict holds recurrent layers at {', '.join(map(repr, found))}. Say "
        "which are stacked, the lowest first: recurrent=[...]."
    )


def _layers(path, layers):
    """Keys of the layers of one module in their order."""
    for k in range(len(layers)):
        if k not in layers:
            key = f"{path}.weight_ih_l{k}".lstrip(".")
            raise ValueError(f"state_dict holds no {key!r}, but layers above it.")
        yield layers[k]


def _checked(layers, arrays, model):
    """Features of the lowest layer, and the arrays of each, once all shapes are right.

    What is used is taken out of `arrays`.
    """
    bidirectional = any("weight_hh_reverse" in layer for layer in layers)
    n_own = CELLS[model._cell].n_own
    suffixes = ("", "_reverse") if bidirectional else ("",)
    for layer in layers:
        some = next(iter(layer.values()))
        kinds = ["weight_ih", "weight_hh"]
        if any(name.startswith("bias") for name in layer):
            kinds += ["bias_ih", "bias_hh"]
        peepholes = [layer[name] for name in layer if name.startswith("peephole")]
        if peepholes and not n_own:
            raise ValueError(
                f"state_dict holds {peepholes[0]!r}, but {type(model).__name__} has no "
                "peepholes. Pass an LSTM with peephole=True."
            )
        if n_own:
            kinds += ["peephole"]
        for name in (kind + suffix for suffix in suffixes for kind in kinds):
            if name not in layer:
                raise ValueError(f"state_dict holds {some!r} but no {name} beside it.")
    units = []
    for layer in layers:
        key = layer["weight_hh"]
        units.append(check_gates(key, arrays[key], model, axis=0))
    check_units(units, bidirectional, model)
    lowest = arrays[layers[0]["weight_ih"]]
    n_inputs = n_features = lowest.shape[1] if lowest.ndim == 2 else 1
    weights = []
    for layer, H in zip(layers, units):
        rows = len(arrays[layer["weight_hh"]])
        shapes = {
            "weight_ih": (rows, n_inputs),
            "weight_hh": (rows, H),
            "bias_ih": (rows,),
            "bias_hh": (rows,),
        }
        if n_own:
            shapes["peephole"] = (n_own * H,)
        taken = {}
        for suffix in suffixes:
            for kind, shape in shapes.items():
                key = layer.get(kind + suffix)
                if key is None:  # bias=False
                    taken[kind + suffix] = np.zeros(shape, lowest.dtype)
                    continue
                what = f"{kind} of {H} units that read {n_inputs} features"
                check_shape(key, arrays[key], shape, what)
                taken[kind + suffix] = arrays.pop(key)
        weights.append(taken)
        n_inputs = H * len(suffixes)
    return n_features, weights


def _attention(arrays, model):
    """The vector w of a pooling by attention, which is taken out of `arrays`."""
    if model.pooling != "attention":
        return None
    attention = arrays.pop("attention", None)
    if attention is None:
        raise ValueError(
            f"state_dict holds no 'attention', but {type(model).__name__} has "
            "pooling='attention': add its vector w, as in weights_, or pass an "
            "estimator of another pooling."
        )
    H = hidden_sizes(model)[-1] * (1 + model.bidirectional)
    check_shape("attention", attention, (H,), f"the attention over {H} hidden states")
    return attention


def _scores_of_labels(state_dict):
    """Keys and arrays of a conditional random field by their names; -inf forbids."""
    scores = {}
    for key in state_dict:
        name = _SCORES.fullmatch(key)
        if name is None:
            continue
        if name[1] in scores:
            raise ValueError(
                f"state_dict holds {scores[name[1]][0]!r} and {key!r}, of two "
                "conditional random fields. Leave out that which is not meant."
            )
        value = state_dict[key]
        if hasattr(value, "detach"):
            value = value.detach().cpu().numpy()
        forbidden = value == -np.inf if isinstance(value, np.ndarray) else False
        if np.any(forbidden) and not np.ma.isMaskedArray(value):
            value = np.where(forbidden, value.dtype.type(0), value)
        array = real_array(key, value)
        scores[name[1]] = key, np.where(forbidden, -np.inf, array)
    return scores


def _paths_of_labels(scores, K, model):
    """Transitions (K, K), starts (K,) and ends (K,)."""
    name = type(model).__name__
    paths = []
    for part, shape in zip(_PATHS, ((K, K), (K,), (K,))):
        if part not in scores:
            raise ValueError(
                f"state_dict holds no {part!r}, but {name} has crf=True: add the "
                f"scores of the conditional random field, or pass {name}(crf=False)."
            )
        key, array = scores[part]
        check_shape(key, array, shape, f"the scores of {K} labels")
        paths.append(array)
    return paths


def _linear(arrays, head, model):
    """Key, weight and bias of the head, which are taken out of `arrays`."""
    prefix = f"{head}." if head else ""
    if head is None:
        found = [
            key.removesuffix("weight")
            for key, array in arrays.items()
            if re.fullmatch(r"(.+\.)?(head_)?weight", key) and array.ndim == 2
        ]
        if not found:
            raise ValueError(
                "state_dict holds no linear layer for the head, which maps the hidden "
                "states to outputs: no key ends in .weight. Add its weight and bias as "
                "'head.weight' and 'head.bias'."
            )
        if len(found) > 1:
            at = ", ".join(repr(prefix.rstrip("._")) for prefix in found)
            raise ValueError(
                f"state_dict holds linear layers at {at}, but "
                f"{type(model).__name__} has one after its recurrent layers. If the "
                "predictions need only one of them, leave the others out of state_dict."
            )
        (prefix,) = found
    key, bias_key = f"{prefix}weight", f"{prefix}bias"
    if key not in arrays:
        raise ValueError(
            f"head={head!r}: there is no {key!r} in state_dict, which holds "
            f"{', '.join(map(repr, arrays)) or 'nothing'} beside the recurrent layers."
        )
    weight = arrays.pop(key)
    n_outputs = len(weight) if weight.ndim else 0
    H = hidden_sizes(model)[-1] * (1 + model.bidirectional)
    what = f"a head that reads {H} hidden states"
    check_shape(key, weight, (max(1, n_outputs), H), what)
    bias = arrays.pop(bias_key, None)
    if bias is None:  # bias=False
        bias = np.zeros(n_outputs, weight.dtype)
    check_shape(bias_key, bias, (n_outputs,), f"the bias of {key}")
    return key, weight, bias


def to_torch(
    estimator: BaseEstimator,
    *,
    standardized: bool = False,
    recurrent: str | None = None,
    head: str = "head",
    embedding: str = "embedding",
    crf: str = "crf",
) -> dict[str, np.ndarray]:
    """Return the weights of a fitted estimator as the state of a PyTorch model.

    Parameters
    ----------
    estimator : estimator
        A fitted recurrent estimator. Of a pipeline pass the last step.

    standardized : bool, default=False
        Which outputs the head of a regressor has. False: predictions, in the units of
        y. True: those it was trained on, in units of the standardised targets; then the
        dict also has ``target_mean`` and ``target_scale``, the buffers of a model that
        computes ``target_scale * output + target_mean``. For a classifier there is no
        difference.

    recurrent : str, default=None
        Path of the recurrent module in the model. None is "lstm", "gru" or "rnn".

    head : str, default="head"
        Path of the linear module.

    embedding : str, default="embedding"
        Path of the :class:`torch.nn.Embedding`, where `estimator` has `embedding_dim`.
        Of several columns of ids each has one, with the number of the column behind the
        path, as in "embedding_3".

    crf : str, default="crf"
        Path of the conditional random field, of a tagger that has one.

    Returns
    -------
    state_dict : dict of str to ndarray
        Arrays by the names that ``load_state_dict`` of the model expects once they are
        tensors: ``{k: torch.from_numpy(v) for k, v in state_dict.items()}``. Layers of
        the same size are one module of several layers; of different sizes they are as
        many modules, "lstm.0", "lstm.1" and so on, those of a
        :class:`torch.nn.ModuleList`. The arrays are copies.

    Raises
    ------
    TypeError
        If `estimator` is no recurrent estimator, or a path no string.
    NotFittedError
        If it is not fitted.
    ValueError
        If it has what PyTorch has not: peepholes, ``pooling="attention"``, a list of
        quantiles.

    See Also
    --------
    from_torch : The way back.
    to_keras : The same for Keras.

    Notes
    -----
    The model has to do the rest: send the last hidden states (``h_n`` of the uppermost
    layer, of both directions side by side) to the head, or with `pooling` their mean or
    maximum over the steps of each sequence, with a target at every step the outputs of
    all steps, and fill in missing values. Its outputs are those of
    ``decision_function``: for two classes of sequences the log-odds of the second. With
    ``loss="poisson"`` they are logarithms of the predictions. Ids beyond a table have
    to become 0 before; where there are numbers beside ids, they stand behind the rows.

    Where targets vary little around a large mean, the units of y need more digits than
    float32 has: use ``standardized=True``, or ``dtype="float64"``. ``from_torch`` makes
    the same bits of the weights again with ``standardized=True``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import GRUClassifier
    >>> from sklstm.export import to_torch
    >>> X = np.random.default_rng(0).standard_normal((50, 8, 2))
    >>> y = X[:, -1, 0] > 0
    >>> model = GRUClassifier(4, max_iter=10, random_state=0).fit(X, y)
    >>> for name, weight in to_torch(model).items():
    ...     print(name, weight.shape)
    gru.weight_ih_l0 (12, 2)
    gru.weight_hh_l0 (12, 4)
    gru.bias_ih_l0 (12,)
    gru.bias_hh_l0 (12,)
    head.weight (1, 4)
    head.bias (1,)
    """
    paths = {"recurrent": recurrent, "head": head, "embedding": embedding, "crf": crf}
    for name, path in paths.items():
        if not isinstance(path, str | None):
            raise TypeError(
                f"{name}={path!r} is no path of a module, which is a string such as "
                "'encoder.lstm'."
            )
    tables, layers, weight, bias, units = taken_apart(
        estimator, "PyTorch", standardized, ("crf",)
    )
    found = fitted_of(estimator)
    architecture = found.architecture
    if recurrent is None:
        recurrent = architecture["cell"].partition("_")[0]
    one_module = len(set(architecture["hidden_layer_sizes"])) == 1
    prefix = f"{recurrent}." if recurrent else ""
    state_dict = {
        f"{embedding}{name.removeprefix('embedding')}.weight": table
        for name, table in tables.items()
    }
    for k, layer in enumerate(layers):
        path, number = (prefix, k) if one_module else (f"{prefix}{k}.", 0)
        for name, value in layer.items():
            base, reverse, _ = name.partition("_reverse")
            state_dict[f"{path}{base}_l{number}{reverse}"] = value
    prefix = f"{head}." if head else ""
    state_dict |= {f"{prefix}weight": weight, f"{prefix}bias": bias}
    prefix = f"{crf}." if crf else ""
    for name, scores in found.paths.items():
        state_dict[prefix + name] = scores.astype(weight.dtype)
    if units is not None:
        state_dict |= dict(zip(_UNITS, units))
    return state_dict
