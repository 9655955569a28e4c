"""Networks and their training: layers, losses, optimizers, monitor, loop."""
