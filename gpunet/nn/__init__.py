"""The mathematics, as in the textbook: activations, losses, initial weights, layers, network."""
