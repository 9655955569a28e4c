"""What Keras does with a layer whose states are images: its ConvLSTM2D.

A step is compiled, as in `fit`: by `tf.function` or `jax.jit`. On the backend of
PyTorch it is not.
"""

import os

import keras
import numpy as np
from _conv_work import make_data, peak_of, repeated

__all__ = ["describe", "layer", "memory"]


def describe():
    n_processors = os.cpu_count()
    if hasattr(os, "sched_getaffinity"):
        n_processors = len(os.sched_getaffinity(0))
    return (
        f"backend {keras.backend.backend()}, kept to as many processors",
        n_processors,
    )


def make_layer(work, data):
    layer = keras.layers.ConvLSTM2D(
        work.H, work.kernel, padding="same", return_sequences=True
    )
    layer.build(data.x.shape)
    layer.set_weights([data.w, data.r, data.b])  # Keras has the same order of gates
    return layer


def on_tensorflow(layer, x, d_h):
    import tensorflow as tf

    x, d_h = tf.constant(x), tf.constant(d_h)

    @tf.function
    def gradients():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x) * d_h)
        return tape.gradient(loss, layer.trainable_variables)

    return gradients


def on_jax(layer, x, d_h):
    import jax

    weights = [weight.value for weight in layer.trainable_variables]
    others = [weight.value for weight in layer.non_trainable_variables]
    x, d_h = jax.numpy.asarray(x), jax.numpy.asarray(d_h)

    @jax.jit
    def gradients(weights, x, d_h):
        def loss(weights):
            return (layer.stateless_call(weights, others, x)[0] * d_h).sum()

        return jax.grad(loss)(weights)

    return lambda: gradients(weights, x, d_h)


def on_torch(layer, x, d_h):
    import torch

    weights = [weight.value for weight in layer.trainable_variables]
    x, d_h = torch.from_numpy(x), torch.from_numpy(d_h)
    return lambda: torch.autograd.grad(layer(x), weights, d_h)


BACKENDS = {"tensorflow": on_tensorflow, "jax": on_jax, "torch": on_torch}


def make_step(work):
    data = make_data(work)
    gradients = BACKENDS[keras.backend.backend()](
        make_layer(work, data), data.x, data.d_h
    )
    return lambda: list(map(np.asarray, gradients()))


def layer(work):
    return repeated(make_step(work))


def memory(work):
    return peak_of(make_step, work)
