"""Weights by the names that PyTorch has for them."""

import numpy as np
from network_cases import both_ways, every_cell, every_pooling
from numpy.testing import assert_array_equal

from sklstm._kernels import CELLS
from sklstm._network.build import whole_sequence_network
from sklstm._network.exchange import torch_weights


@every_cell
@both_ways
@every_pooling
def test_weights_by_name(cell, bidirectional, pooling):
    """Every parameter but the head's has one place, in an array of its own."""
    network = whole_sequence_network(
        3, (5, 4), 2, np.float64, cell, bidirectional=bidirectional, pooling=pooling
    )
    parameters = np.arange(1.0, network.layout.size + 1)
    views = network.views(parameters)
    weights = torch_weights(network, parameters)
    gates = CELLS[cell].gates
    shapes = {}
    for k, (F, H) in enumerate([(3, 5), (10 if bidirectional else 5, 4)]):
        for ending in [f"l{k}", f"l{k}_reverse"][: 1 + bidirectional]:
            shapes |= {
                f"weight_ih_{ending}": (gates * H, F),
                f"weight_hh_{ending}": (gates * H, H),
                f"bias_ih_{ending}": (gates * H,),
                f"bias_hh_{ending}": (gates * H,),
            }
            if cell == "lstm_peephole":
                shapes[f"peephole_{ending}"] = (3 * H,)
                own = "p_reverse" if ending.endswith("reverse") else "p"
                p = views[f"l{k}"][own]  # i, f, o
                assert_array_equal(weights[f"peephole_{ending}"], p.ravel())
    if pooling == "attention":
        shapes["attention"] = (8 if bidirectional else 4,)
        assert_array_equal(weights["attention"], views["pooling"]["w"][0])
    assert {name: w.shape for name, w in weights.items()} == shapes
    values = np.concatenate([w.ravel() for w in weights.values()])
    begin_of_head = network.layout.slices["head.w"].start
    assert_array_equal(np.sort(values[values != 0]), parameters[:begin_of_head])
    assert not any(np.shares_memory(w, parameters) for w in weights.values())
