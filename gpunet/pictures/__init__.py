"""Drawings as people make them, brought into the form that a network has learnt."""
