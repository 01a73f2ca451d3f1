"""gpunet in other libraries' clothes; each needs an extra of its own."""
