"""The cell as a parameter, of estimators that have one class for all of them."""

# Where the bias of the gate that remembers starts.
FORGET_BIAS = {"lstm": 1.0, "lstm_peephole": 1.0, "gru": 0.0}


class CellByName:
    """An estimator whose parameter `cell` names what recurrent layers are made of."""

    @property
    def _cell(self):
        return self.cell

    @staticmethod
    def _cell_parameters(cell):
        """The parameters by which this cell was chosen."""
        return {"cell": cell}

    def _initial_options(self, lengths):
        forget_bias = self.forget_bias
        if forget_bias == "auto":
            forget_bias = FORGET_BIAS.get(self.cell, 0.0)
        return {"forget_bias": forget_bias, "longest": int(lengths.max())}
