"""What the networks of every other library need to become one of ours, and back.

Between the two a network is a list of its layers, each a dict of PyTorch's names and
arrays in PyTorch's shapes, and a linear head.
"""

from dataclasses import replace

import numpy as np
from sklearn.base import clone, is_classifier

from .._estimators.at_steps import StepEstimator
from .._estimators.base import check_recurrent
from .._estimators.checks import check_parameters, hidden_sizes
from .._estimators.clips import ReadsClips
from .._estimators.fitted import fitted_of
from .._estimators.progress import Progress
from .._estimators.tagger import RecurrentTagger
from .._estimators.tokens import asked_embedding
from .._estimators.transcriber import RecurrentTranscriber
from .._network.cells import CELLS
from .._network.exchange import from_torch_weights, layer_weights, tables_of
from .._targets.labels import valid_classes
from .._targets.schemes import masks_for
from .._targets.step_numbers import StepNumbers
from .._targets.tags import TagReader, Tags
from .._training.monitor import Monitor
from ..sequences._check import Features, features_of, record_features

FAMILIES = {1: "a plain RNN (1)", 3: "a GRU (3)", 4: "an LSTM (4)"}  # by gates


def has_labels(estimator):
    """Whether an estimator predicts labels, of sequences or of steps."""
    with_labels = RecurrentTagger, RecurrentTranscriber
    return is_classifier(estimator) or isinstance(estimator, with_labels)


def numbers_of(target):
    """The `Numbers` of a regressor, of sequences or of steps."""
    return getattr(target, "rows", target)


def reordered(array, order, axis=-1):
    """The gates, which lie one after the other along an axis, in another order."""
    gates = np.split(array, len(order), axis)
    return np.concatenate([gates[place] for place in order], axis)


def check_shape(key, array, expected, what):
    """An error if an array has another shape than its place in the network."""
    if array.shape != expected:
        raise ValueError(
            f"{key} has shape {array.shape}, but {what} must have {expected}."
        )


def check_gates(key, recurrent, model, axis):
    """The units of a layer of the right family; its gates lie along the axis."""
    shape = recurrent.shape
    gates = CELLS[model._cell].gates
    n_units = shape[1 - axis] if recurrent.ndim == 2 else 0
    found = shape[axis] / n_units if n_units else 0
    if found not in FAMILIES:
        sides = ("H", "gates * H") if axis else ("gates * H", "H")
        raise ValueError(
            f"{key} has shape {shape}, but a recurrent matrix must have "
            f"({', '.join(sides)}) with 4, 3 or 1 gates."
        )
    if found != gates:
        raise ValueError(
            f"{key} has shape {shape}: {n_units} units with {int(found)} gates, so the "
            f"network is {FAMILIES[found]}. {type(model).__name__} is "
            f"{FAMILIES[gates]}. Pass an estimator of that family."
        )
    return n_units


def check_units(found, bidirectional, model):
    """An error if the layers are not those that the estimator says it has."""
    name, sizes = type(model).__name__, hidden_sizes(model)
    if tuple(found) != sizes or bidirectional != model.bidirectional:
        units = found[0] if len(found) == 1 else tuple(found)
        raise ValueError(
            f"The weights are of hidden_layer_sizes={tuple(found)}, bidirectional="
            f"{bidirectional}, the estimator has hidden_layer_sizes={sizes}, "
            f"bidirectional={model.bidirectional}. Pass {name}(hidden_layer_sizes="
            f"{units}, bidirectional={bidirectional})."
        )


def _check_ours(estimator, which):
    """An error if this is no estimator of a recurrent network."""
    wanted = f"estimator must be {which} recurrent estimator of sklstm"
    refuse_clips(estimator)
    check_recurrent(
        estimator, wanted, lambda e: getattr(e, "__name__", type(e).__name__)
    )
    check_exchanged(estimator)


def refuse_clips(estimator):
    """An error if the network of an estimator reads frames."""
    if isinstance(estimator, ReadsClips):
        raise TypeError(
            f"{type(estimator).__name__} cannot be exchanged: its network reads "
            "frames, and only those that read vectors can be written or taken over. "
            "weights_ has the parameters, in the shapes of torch.nn.functional.conv2d; "
            "to keep a model, pickle it."
        )


def check_exchanged(estimator):
    """An error if the weights of an estimator are not all that its outputs need."""
    if not estimator._exchanged:
        raise TypeError(
            f"{type(estimator).__name__} cannot be exchanged: what it makes of X, "
            "before its network reads it, and of outputs is no part of a network. "
            "weights_ has the parameters, to_onnx writes networks that say tokens; to "
            "keep a model, pickle it."
        )


def _without_counterpart(values, also):
    """What a library has not, of the values of parameters; `also` it has."""
    if values["cell"] == "lstm_peephole" and "peephole" not in also:
        yield "peephole=True", "peepholes, the weights from the cell to the gates"
    if values["pooling"] == "attention" and "attention" not in also:
        yield "pooling='attention'", "a layer of this attention"
    if values["crf"] and "crf" not in also:
        yield "crf=True", "the transitions of a conditional random field"


def _check_counterpart(estimator, values, library, also=()):
    for parameter, missing in _without_counterpart(values, also):
        raise ValueError(
            f"{type(estimator).__name__} has {parameter}, but {library} has not "
            f"{missing}. Only estimators without it can be exchanged."
        )
    levels = values["quantiles"]
    if isinstance(levels, (tuple, list, np.ndarray)):
        raise ValueError(
            f"{type(estimator).__name__} has quantile={list(levels)}: its outputs are "
            "increments between quantiles, which the head alone does not make. Only "
            "networks of one quantile can be exchanged: use one for each."
        )


def unfitted(estimator, library, multilabel, also=()):
    """A valid clone that says what a network is; `also` the weights may have."""
    _check_ours(estimator, "an unfitted")
    model = clone(estimator)
    check_parameters(model)
    if model.embedding_dim is not None and "tables" not in also:
        raise ValueError(
            f"{type(model).__name__} has embedding_dim={model.embedding_dim!r}, but "
            f"the operators of {library} come without the table of an embedding. Leave "
            "embedding_dim=None, to read its rows as numbers, or use from_torch."
        )
    values = {"cell": model._cell, "pooling": model.pooling, "quantiles": None}
    values["crf"] = getattr(model, "crf", False) and not multilabel
    if not has_labels(model) and model.loss == "quantile":
        values["quantiles"] = model.quantile
    _check_counterpart(model, values, library, also)
    return model


def n_tables(model):
    """Columns of ids that the parameters of an estimator speak of."""
    columns = model.categorical_features
    if isinstance(columns, str):
        raise ValueError(
            f"categorical_features={columns!r} finds columns in X, but there is no X. "
            "Pass their indices."
        )
    if model.embedding_dim is None or columns is None:
        return int(model.embedding_dim is not None)
    is_mask = all(isinstance(column, (bool, np.bool_)) for column in columns)
    return sum(columns) if is_mask else len(columns)


def _check_tables(tables, model):
    """An error if tables have not the widths that the estimator says."""
    asked = asked_embedding(model, features_of(model))
    for (key, table), width in zip(tables, asked["widths"] if asked else ()):
        if table.ndim != 2 or table.shape[1] != width or not len(table):
            raise ValueError(
                f"{key} has shape {table.shape}, but {type(model).__name__} has "
                f"embedding_dim={model.embedding_dim!r}: a table has (n_rows, {width})."
            )


def _outputs_of_classes(weight, bias, classes, key):
    """Head and labels in the order of `classes_`; of two classes the log-odds."""
    n_outputs = len(weight)
    if classes is None:
        classes = np.arange(max(2, n_outputs))
    labels = valid_classes(classes)
    order = np.argsort(np.ravel(classes), kind="stable")
    if len(labels) < len(order):
        raise ValueError(f"classes={classes!r} holds a label twice.")
    n_classes = len(labels)
    if n_classes != max(2, n_outputs):
        raise ValueError(
            f"classes has {n_classes} labels, but {key} has {n_outputs} outputs. Pass "
            "a label for each output, in their order, and two for a single output, "
            "which is the log-odds of the second. For a network of several labels at "
            "once set multilabel=True."
        )
    if n_outputs == 1:
        sign = 1 if order[1] == 1 else -1
        return labels, sign * weight, sign * bias
    weight, bias = weight[order], bias[order]
    if n_classes == 2:
        # softmax(a, b)_2 = sigmoid(b - a)
        weight, bias = weight[1:] - weight[:1], bias[1:] - bias[:1]
    return labels, weight, bias


def _tags(weight, bias, classes, paths, key, reader):
    """Target, head and scores of paths in the order of `classes_`.

    What is forbidden is so by a score of -inf, or by `constraints` that are pairs of
    labels: "auto" needs to see paths.
    """
    if len(weight) == 1:  # softmax(0, a) = 1 - sigmoid(a), sigmoid(a)
        weight, bias = (np.concatenate([0 * part, part]) for part in (weight, bias))
    K = len(weight)
    given = list(range(K)) if classes is None else list(classes)
    if len(given) != K:
        raise ValueError(
            f"classes has {len(given)} labels, but {key} has {K} outputs. Pass a label "
            "for each output, in their order, and two for a single output. For a "
            "network of several labels at once set multilabel=True."
        )
    y = reader.check([given])
    if len(y.labels) < K:
        raise ValueError(
            f"classes={classes!r} holds a label twice, or one that stands for no label."
        )
    free = TagReader(reader.name, unlabeled=reader.unlabeled)
    target = free.fit(y, None)
    labels = target.labels
    order = [y.labels.index(label) for label in labels]
    crf, allowed = paths is not None, None
    if crf:
        between, start, end = paths
        paths = between[np.ix_(order, order)], start[order], end[order]
        allowed = [~np.isneginf(paths[k]) for k in (1, 0, 2)]
        if reader.constraints not in (None, "auto"):
            masks = masks_for(reader.constraints, labels, [], [0])
            if masks is not None:
                allowed = [a & b for a, b in zip(allowed, masks, strict=True)]
        if all(mask.all() for mask in allowed):
            allowed = None
    return Tags(target.classes, crf, allowed), weight[order], bias[order], paths


def _transcripts(weight, bias, classes, key, reader):
    """Target and head in the order of `classes_`; the last output is the blank's."""
    blank = len(weight) - 1
    given = list(range(blank)) if classes is None else list(classes)
    if len(given) != blank or not given:
        raise ValueError(
            f"classes has {len(given)} labels, but {key} has {blank + 1} outputs, the "
            "last of which is the blank's. Pass a label for each of the others, in "
            "their order: a string of characters, or a list."
        )
    y = reader.check([classes if isinstance(classes, str) else given])
    if len(y.labels) < blank:
        raise ValueError(f"classes={classes!r} holds a label twice.")
    target = reader.fit(y, None)
    order = [*map(y.labels.index, target.labels), blank]
    return target, weight[order], bias[order]


def _target_units(model, n_targets, mean, scale):
    """Mean and scale of the targets, a number for each."""
    if (mean is not None or scale is not None) and model.loss == "poisson":
        raise ValueError(
            "target_mean and target_scale are given, but loss='poisson' does not "
            "standardise targets. Leave them out."
        )
    units = []
    for name, given, default in (
        ("target_mean", mean, 0.0),
        ("target_scale", scale, 1.0),
    ):
        least = 0 if name == "target_scale" else -np.inf
        wanted = "positive numbers" if least == 0 else "numbers"
        try:
            values = np.asarray(default if given is None else given, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} must be {wanted}, got {given!r}.") from error
        values = values.ravel() if values.size == n_targets else values
        if values.ndim > 1 or values.size not in (1, n_targets):
            raise ValueError(
                f"{name} has shape {values.shape}, but the head has {n_targets} "
                "outputs: pass a number, or one for each."
            )
        if not (np.isfinite(values).all() and (values > least).all()):
            raise ValueError(f"{name} must be {wanted}, got {given!r}.")
        units.append(np.array(np.broadcast_to(values, n_targets)))
    return units


def fitted(
    model,
    n_inputs,  # features that the lowest layer reads
    weights,  # a dict for each layer, as `from_torch_weights` takes them
    head,  # what to call it in errors, weight (K, H) and bias (K,)
    *, classes, multilabel, target_mean, target_scale,
    attention=None,  # (H,), the vector w
    paths=None,  # transitions (K, K), starts (K,) and ends (K,) of labels, or None
    tables=(),  # key and array of each table, in the order of the columns
):  # fmt: skip
    """The estimator, as `unfitted` returned it, with the weights of a network."""
    key, weight, bias = head
    reader = model._reader()
    if has_labels(model):
        if target_mean is not None or target_scale is not None:
            kind = "a classifier" if is_classifier(model) else "a tagger"
            kind = "a transcriber" if isinstance(model, RecurrentTranscriber) else kind
            raise ValueError(
                "target_mean and target_scale are of regressors, but "
                f"{type(model).__name__} is {kind}. Leave them out."
            )
        if multilabel and isinstance(model, RecurrentTranscriber):
            raise ValueError(
                f"multilabel=True is of classifiers and taggers, but "
                f"{type(model).__name__} is a transcriber. Leave it out."
            )
        if multilabel:
            if classes is not None or len(weight) < 2:
                raise ValueError(
                    "multilabel=True needs a head of two outputs or more, the labels, "
                    f"and no classes; {key} has {len(weight)}, classes={classes!r}."
                )
            y = np.eye(len(weight), dtype=int)
        elif isinstance(model, (RecurrentTagger, RecurrentTranscriber)):
            y = None
        else:
            labels, weight, bias = _outputs_of_classes(weight, bias, classes, key)
            classes = y = reader.check(labels)
    else:
        if classes is not None or multilabel:
            raise ValueError(
                f"classes and multilabel are of classifiers, but {type(model).__name__}"
                " is a regressor. Leave them out."
            )
        units = _target_units(model, len(weight), target_mean, target_scale)
        y = np.ones((1, len(weight))) if len(weight) > 1 else np.ones(1)
    # a column of ids has made room for its rows
    n_features = n_inputs + sum(1 - table.shape[-1] for _, table in tables)
    if model.missing == "indicator":
        n_features, odd = divmod(n_features, 2)
        if odd:
            raise ValueError(
                f"The network reads {n_inputs} features, but with missing='indicator' "
                "half of them are the indicators. Use missing='error' or 'ffill'."
            )

    if isinstance(model, RecurrentTagger) and not multilabel:
        target, weight, bias, paths = _tags(weight, bias, classes, paths, key, reader)
    elif isinstance(model, RecurrentTranscriber):
        target, weight, bias = _transcripts(weight, bias, classes, key, reader)
    else:
        y = reader.check([y]) if isinstance(model, StepEstimator) else y
        target = reader.fit(y, None, classes)
    if not has_labels(model):
        mean, scale = units
        known = replace(numbers_of(target), mean=mean, scale=scale, seen=None)
        target = StepNumbers(known) if isinstance(model, StepEstimator) else known
    rng = model._begin(target)
    record_features(model, Features(n_features, n_features, None, None))
    _check_tables(tables, model)
    found = model._untrained(target, rows=tuple(len(table) for _, table in tables))
    network = found.make_network()
    with np.errstate(over="ignore", under="ignore"):
        parameters = from_torch_weights(
            network, weights, weight, bias, attention, [table for _, table in tables]
        )
        if paths is not None:  # what is forbidden is no parameter
            views = network.views(parameters)["crf"]
            for view, scores in zip(views.values(), paths, strict=True):
                view[:] = np.where(np.isneginf(scores), 0, scores)
    if not np.isfinite(parameters).all():
        raise ValueError(
            f"The weights hold numbers too large for dtype={model.dtype!r}. Use "
            "dtype='float64'."
        )
    # Nothing is known of the training; what goes on begins with a new optimizer.
    monitor = Monitor(model.tol, model.n_iter_no_change, model.verbose)
    progress = Progress(found, None, rng, monitor)
    vars(model).update(progress.attributes(parameters))
    return model


def head_of(found):
    """Weight (K, H) and bias (K,) of the head, in units of y."""
    return found.weights["head_weight"], found.weights["head_bias"]


def taken_apart(estimator, library, standardized, also=()):
    """Tables by their names, layers, weight and bias of the head, and units of the
    targets or None."""
    _check_ours(estimator, "a fitted")
    found = fitted_of(estimator)
    levels = None if has_labels(estimator) else found.target.levels
    values = {"pooling": None, "crf": bool(found.paths), "quantiles": levels}
    _check_counterpart(estimator, values | found.architecture, library, also)
    network = found.make_network()
    views = network.views(found.parameters)
    layers = layer_weights(network, found.parameters)
    tables = tables_of(network, found.parameters)
    weight, bias = head_of(found)
    units = None
    if standardized and not has_labels(estimator):
        weight, bias = views["head"]["w"].T, views["head"]["b"]
        numbers = numbers_of(found.target)
        units = numbers.mean.copy(), numbers.scale.copy()
    dtype = network.dtype
    return tables, layers, weight.astype(dtype, order="C"), bias.astype(dtype), units
