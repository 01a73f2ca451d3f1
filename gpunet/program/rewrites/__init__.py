"""What may be done to a recorded text without changing what it computes, one idea a file.

Each is a rule for ``expression.rewritten``: from a node, its inputs done already, to the node that
takes its place.
"""
