"""From a text, such as a whole training step, to what a device runs."""
