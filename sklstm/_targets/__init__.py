"""From targets to numbers and back."""
