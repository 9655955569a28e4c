"""Networks of the layers that there are, as their architecture says."""

from .encoder_decoder import EncoderDecoder
from .frame_forecaster import FrameForecaster
from .frame_network import FrameNetwork
from .layers.attention import Attention
from .layers.bidirectional import Bidirectional
from .layers.conv_recurrent import ConvBidirectional, ConvRecurrent
from .layers.crf import CRF
from .layers.dense import Dense, Projection
from .layers.dropout import Dropout, FrameDropout, RowDropout, StepDropout
from .layers.embedding import Embedding
from .layers.every_step import EveryStep
from .layers.frames import Frames
from .layers.patches import Patches
from .layers.pixel_head import PixelHead
from .layers.pooling import Last, Pooling
from .layers.recurrent import Recurrent
from .layers.repeat import Repeat
from .layers.softmax import Softmax
from .layers.space_pooling import SpacePooling
from .layers.standardize import Standardize
from .layers.windows import LastSteps, Windows
from .network import Network


def input_layers(n_features, dtype, embedding=None, dropout=0.0):
    """Layers below the recurrent ones, and the number of features that these read.

    There are some where columns of X are ids: `embedding` has `columns`, which they
    are, of the table of each `rows` and `widths`, and whether they are `trainable`.
    """
    if embedding is None:
        return [], n_features
    lowest = Embedding("embedding", n_features, dtype, **embedding)
    layers, n_inputs = [lowest], lowest.n_outputs
    if dropout:
        layers.append(
            StepDropout(
                "embedding.dropout", n_inputs, dtype, dropout, lowest.n_embedded
            )
        )
    return layers, n_inputs


def recurrent_layers(
    n_inputs, sizes, dtype, cell="lstm", *, bidirectional=False, dropout=0.0,
    recurrent_dropout=0.0, every_step=True, reads_data=True, first=0,
):  # fmt: skip
    """Stacked recurrent layers of these sizes, the lowest first, with dropout between.

    The lowest, whose number is `first`, reads the data unless there is a layer below;
    the uppermost gives every step, or only its last.
    """
    make = Bidirectional if bidirectional else Recurrent
    layers, top = [], first + len(sizes) - 1
    for k, n_units in enumerate(sizes, first):
        if k > first and dropout:
            layers.append(StepDropout(f"l{k - 1}.dropout", n_inputs, dtype, dropout))
        layer = make(
            f"l{k}", n_inputs, n_units, dtype, cell,
            reads_data=reads_data and k == first, every_step=every_step or k < top,
            recurrent_dropout=recurrent_dropout,
        )  # fmt: skip
        layers.append(layer)
        n_inputs = layer.n_outputs
    return layers


def whole_sequence_network(
    n_features, hidden_layer_sizes, n_outputs, dtype, cell="lstm", bidirectional=False,
    pooling="last", dropout=0.0, recurrent_dropout=0.0, embedding=None,
):  # fmt: skip
    """Recurrent layers, what the head reads of their steps, and a dense head.

    The head reads the last output of the uppermost layer, or of all its outputs the
    mean, the maximum or what attention makes of them (`pooling`). Dropout is where a
    pass has masks, which are those of training. `embedding` is as in `input_layers`.
    """
    body, n_inputs = input_layers(n_features, dtype, embedding, dropout)
    body += recurrent_layers(
        n_inputs, hidden_layer_sizes, dtype, cell, bidirectional=bidirectional,
        dropout=dropout, recurrent_dropout=recurrent_dropout,
        every_step=pooling != "last",
        reads_data=embedding is None or not embedding["trainable"],
    )  # fmt: skip
    width = body[-1].n_outputs
    if pooling == "last":
        end = [Last("pooling", width, width, dtype)]
    else:
        end = [Pooling("pooling", width, dtype, pooling)]
    if dropout:
        end.append(Dropout("head.dropout", width, dtype, dropout))
    return Network([*body, *end, Dense("head", width, n_outputs, dtype)])


def every_step_network(
    n_features, hidden_layer_sizes, n_outputs, dtype, cell="lstm", bidirectional=False,
    dropout=0.0, recurrent_dropout=0.0, embedding=None, crf=False, allowed=None,
):  # fmt: skip
    """Recurrent layers and a dense head that reads each of their steps.

    `embedding` is as in `input_layers`. With `crf` the outputs are emissions of a
    conditional random field, of whose starts, transitions and ends the masks `allowed`
    say which there are, None for all.
    """
    body, n_inputs = input_layers(n_features, dtype, embedding, dropout)
    body += recurrent_layers(
        n_inputs, hidden_layer_sizes, dtype, cell, bidirectional=bidirectional,
        dropout=dropout, recurrent_dropout=recurrent_dropout,
        reads_data=embedding is None or not embedding["trainable"],
    )  # fmt: skip
    width = body[-1].n_outputs
    if dropout:
        body.append(StepDropout("head.dropout", width, dtype, dropout))
    end = [
        EveryStep("every_step", width, width, dtype),
        Dense("head", width, n_outputs, dtype, at_steps=True),
    ]
    if crf:
        end.append(CRF("crf", n_outputs, dtype, allowed))
    return Network([*body, *end])


def language_model_network(
    n_features, hidden_layer_sizes, n_outputs, dtype, cell="lstm", dropout=0.0,
    recurrent_dropout=0.0, embedding=None, tie_weights=False,
):  # fmt: skip
    """Recurrent layers that read tokens, and a head over the vocabulary that reads each
    of their steps.

    `embedding` is as in `input_layers`, of one column. With `tie_weights` its table
    is that of the head, for which the uppermost layer has as many units as a row.
    """
    embedding = {**embedding, "shared": tie_weights}
    body, n_inputs = input_layers(n_features, dtype, embedding, dropout)
    lowest = body[0]
    body += recurrent_layers(
        n_inputs, hidden_layer_sizes, dtype, cell, dropout=dropout,
        recurrent_dropout=recurrent_dropout, reads_data=not embedding["trainable"],
    )  # fmt: skip
    width = body[-1].n_outputs
    if dropout:
        body.append(StepDropout("head.dropout", width, dtype, dropout))
    end = [
        EveryStep("every_step", width, width, dtype),
        Softmax("head", width, n_outputs, dtype, tied=lowest if tie_weights else None),
    ]
    return Network([*body, *end])


def window_network(
    n_features, hidden_layer_sizes, n_outputs, dtype, cell="lstm", dropout=0.0,
    recurrent_dropout=0.0, embedding=None, *, windows,
):  # fmt: skip
    """Recurrent layers that read a context and the steps to forecast, and a dense head
    that reads each of the latter.

    `windows` is as in `Windows`, `embedding` as in `input_layers`, with columns of X.
    """
    ids = () if embedding is None else embedding["columns"]
    lowest = Windows("windows", n_features, dtype, ids=ids, **windows)
    n_inputs = lowest.n_outputs
    if embedding is not None:
        embedding = {**embedding, "columns": range(n_inputs - len(ids), n_inputs)}
    below, n_inputs = input_layers(n_inputs, dtype, embedding, dropout)
    body = recurrent_layers(
        n_inputs, hidden_layer_sizes, dtype, cell, dropout=dropout,
        recurrent_dropout=recurrent_dropout,
        reads_data=embedding is None or not embedding["trainable"],
    )  # fmt: skip
    width = body[-1].n_outputs
    if dropout:
        body.append(StepDropout("head.dropout", width, dtype, dropout))
    end = [
        LastSteps("horizon", width, dtype, lowest.horizon),
        Dense("head", width, n_outputs, dtype, at_steps=True),
    ]
    return Network([lowest, *below, *body, *end])


def own_steps_network(
    n_features, hidden_layer_sizes, n_outputs, dtype, cell="lstm", bidirectional=False,
    dropout=0.0, recurrent_dropout=0.0, method="prediction", centre=(), scale=(),
):  # fmt: skip
    """Recurrent layers whose head gives, at each step, what the sequence itself has:
    later steps ("prediction"), or its steps from the last one back ("reconstruction"),
    which a decoder knows by nothing but the state that the encoder ended with.

    The lowest layer reads features in their own units, `centre` and `scale`.
    """
    body = [Standardize("standardize", n_features, dtype, centre, scale)]
    options = {"dropout": dropout, "recurrent_dropout": recurrent_dropout}
    ahead = method == "prediction"
    body += recurrent_layers(
        n_features, hidden_layer_sizes, dtype, cell, every_step=ahead, **options
    )
    width = body[-1].n_outputs
    if not ahead:
        body.append(Repeat("repeat", width, width, dtype))
        body += recurrent_layers(
            width, hidden_layer_sizes[::-1], dtype, cell, reads_data=False,
            first=len(hidden_layer_sizes), **options,
        )  # fmt: skip
        width = body[-1].n_outputs
    if dropout:
        body.append(StepDropout("head.dropout", width, dtype, dropout))
    end = [
        EveryStep("every_step", width, width, dtype),
        Dense("head", width, n_outputs, dtype, at_steps=True),
    ]
    return Network([*body, *end])


def encoder_decoder_network(
    n_features, hidden_layer_sizes, n_outputs, dtype, cell="lstm", bidirectional=False,
    attention="general", dropout=0.0, recurrent_dropout=0.0, embedding=None, *,
    target_embedding_dim,
):  # fmt: skip
    """Recurrent layers that read a sequence, as many that write another one, and a head
    over its tokens, of which there are `n_outputs`; the last is the mark.

    `attention` is a kind of `Attention`, or None: the head reads the outputs of the
    decoder then. `embedding` is as in `input_layers`, that of the tokens written has
    `target_embedding_dim` elements a row.
    """
    options = {"dropout": dropout, "recurrent_dropout": recurrent_dropout}
    sizes, n_layers = hidden_layer_sizes, len(hidden_layer_sizes)
    encoder, n_inputs = input_layers(n_features, dtype, embedding, dropout)
    encoder += recurrent_layers(
        n_inputs, sizes, dtype, cell, bidirectional=bidirectional,
        every_step=attention is not None,
        reads_data=embedding is None or not embedding["trainable"], **options,
    )  # fmt: skip
    tokens = Embedding(
        "target_embedding", 1, dtype, columns=[0], rows=[n_outputs],
        widths=[target_embedding_dim], trainable=True,
    )  # fmt: skip
    decoder = [tokens]
    if dropout:
        decoder.append(
            StepDropout(
                "target_embedding.dropout", target_embedding_dim, dtype, dropout
            )
        )
    decoder += recurrent_layers(
        target_embedding_dim, sizes, dtype, cell, reads_data=False, first=n_layers,
        **options,
    )  # fmt: skip
    bridges = None
    if bidirectional:
        states = "hc"[: len(decoder[-1].state_widths)]
        bridges = [
            [Projection(f"l{k}.bridge_{state}", 2 * H, H, dtype) for state in states]
            for k, H in enumerate(sizes)
        ]
    width = sizes[-1]
    layer = rows = None
    if attention is not None:
        layer = Attention("attention", width, encoder[-1].n_outputs, dtype, attention)
    if dropout:
        rows = RowDropout("head.dropout", width, dtype, dropout)
    head = Softmax("head", width, n_outputs, dtype)
    return EncoderDecoder(encoder, bridges, decoder, layer, rows, head)


def conv_layers(
    n_inputs, sizes, dtype, cell="lstm", kernel_size=3, *, patches=(),
    bidirectional=False, dropout=0.0, every_step=True, reads_data=True, first=0,
):  # fmt: skip
    """Stacked convolutional layers of these channels, as `recurrent_layers`.

    `kernel_size` is one number or two, of lines and of columns; `patches` has the side
    of those that a layer reads of the one below, for all but the lowest.
    """
    make = ConvBidirectional if bidirectional else ConvRecurrent
    layers, top = [], first + len(sizes) - 1
    for k, n_units in enumerate(sizes, first):
        if k > first and dropout:
            layers.append(FrameDropout(f"l{k - 1}.dropout", n_inputs, dtype, dropout))
        if k > first and patches and patches[k - first - 1] > 1:
            side = patches[k - first - 1]
            layers.append(Patches(f"l{k}.patches", n_inputs, dtype, side))
            n_inputs = layers[-1].n_outputs
        layer = make(
            f"l{k}", n_inputs, n_units, dtype, cell,
            kernel_size=kernel_sides(kernel_size),
            reads_data=reads_data and k == first, every_step=every_step or k < top,
        )  # fmt: skip
        layers.append(layer)
        n_inputs = layer.n_outputs
    return layers


def kernel_sides(kernel_size):
    """Lines and columns of a kernel."""
    if isinstance(kernel_size, (tuple, list)):
        return tuple(kernel_size)
    return kernel_size, kernel_size


def frames_layer(n_channels, dtype, kernel_size, patch_size, centre, scale):
    """The lowest layer, whose planes have the margins that kernels need."""
    pad = tuple(side // 2 for side in kernel_sides(kernel_size))
    return Frames(
        "frames", n_channels, dtype, patch_size=patch_size, centre=centre, scale=scale,
        pad=pad,
    )  # fmt: skip


def clip_network(
    n_channels, hidden_channels, n_outputs, dtype, cell="lstm", kernel_size=3,
    patch_size=1, bidirectional=False, pooling="last", space_pooling="mean",
    dropout=0.0, centre=None, scale=None,
):  # fmt: skip
    """Convolutional layers, what the head reads of their frames, and a dense head.

    Frames are pooled over space, "mean" or "max", and the rest is what
    `whole_sequence_network` does with steps. `patch_size` is one number, of the frames
    of the data, or one for each layer; `centre` and `scale` are those of each channel.
    """
    sides = patch_size if isinstance(patch_size, (tuple, list)) else [patch_size]
    lowest = frames_layer(n_channels, dtype, kernel_size, sides[0], centre, scale)
    every_step = pooling != "last"
    body = conv_layers(
        lowest.n_outputs, hidden_channels, dtype, cell, kernel_size, patches=sides[1:],
        bidirectional=bidirectional, dropout=dropout, every_step=every_step,
    )  # fmt: skip
    width = body[-1].n_outputs
    body.append(
        SpacePooling("space", width, dtype, space_pooling, every_step=every_step)
    )
    if pooling == "last":
        end = [Last("pooling", width, width, dtype)]
    else:
        end = [Pooling("pooling", width, dtype, pooling)]
    if dropout:
        end.append(Dropout("head.dropout", width, dtype, dropout))
    return FrameNetwork(
        [lowest, *body, *end, Dense("head", width, n_outputs, dtype)]
    )  # fmt: skip


def frame_forecaster_network(
    n_channels, hidden_channels, n_outputs, dtype, cell="lstm", kernel_size=3,
    patch_size=1, horizon=10, dropout=0.0, centre=None, scale=None,
):  # fmt: skip
    """Convolutional layers that read a clip, as many that go on with it for `horizon`
    frames, and a head over their pixels, of `n_outputs` for each patch.

    Arguments are those of `clip_network`, with one `patch_size`.
    """
    sizes, options = hidden_channels, {"dropout": dropout}
    lowest = frames_layer(n_channels, dtype, kernel_size, patch_size, centre, scale)
    encoder = conv_layers(
        lowest.n_outputs, sizes, dtype, cell, kernel_size, every_step=False, **options
    )
    forecaster = conv_layers(
        0, sizes, dtype, cell, kernel_size, first=len(sizes), **options
    )
    head = PixelHead("head", sizes, n_outputs, dtype)
    return FrameForecaster([lowest, *encoder], forecaster, head, horizon)
