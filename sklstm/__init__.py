"""Recurrent networks for people who think in scikit-learn."""
