"""Why a GPU can be used or not: stage by stage, and what mends it."""
