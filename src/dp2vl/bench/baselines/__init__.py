"""Other ways to keep photos from being learned, each from its formulas, at one budget, number of steps and codec.

The registry imports torch, the names do not.
"""
