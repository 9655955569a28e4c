"""The layers of a network, one a file."""
