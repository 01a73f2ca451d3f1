"""The libraries that are compared: one file each."""
