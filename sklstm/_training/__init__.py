"""Training: feeds, loop, monitor, schedules, optimizers."""
