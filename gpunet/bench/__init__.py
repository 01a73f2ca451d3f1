"""The same training run in gpunet and in other libraries, measured side by side."""
