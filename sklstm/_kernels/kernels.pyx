"""The kernels: what C cannot say, loops over strips and threads and the doors to Python.

Compiled once per instruction set and precision (setup.py, `__init__.py`). The headers
have the arithmetic: vectors.h, tile.h and activations.h what all is built on, cells.h
and step.h a time step of a recurrent layer, conv.h and winograd.h those of frames,
pooling.h, attention.h, optimizer.h. The files included at the end have the loops and
the doors, one subject each, and check shapes there. A `Schedule` says which rows
belong to which step.

`units` is H padded to a multiple of LANES. Padded units have zero weights, so they
stay at zero and their gradients are zero. The steps end their products at H; d_x and
d_h_0 run over the padding as well, whose d_z is zero. `gates`, `slots` and `cells` are
explained in cells.h.
"""
import numpy as np

from libc.math cimport sqrt

include "common.pxi"
include "packing.pxi"
include "weight_gradients.pxi"
include "rows.pxi"
include "rounded.pxi"
include "forward.pxi"
include "backward.pxi"
include "one_step.pxi"
include "dense.pxi"
include "softmax.pxi"
include "stream.pxi"
include "generate.pxi"
include "pooling.pxi"
include "attention.pxi"
include "optimizer.pxi"
include "planes.pxi"
include "conv.pxi"
include "conv_backward.pxi"
include "winograd.pxi"
