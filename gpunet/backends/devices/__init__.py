"""The kinds of devices, one file a kind, and what each of them needs."""
