"""The protector: the antithetical move within a budget, and the measurement of what was written. Torch loads on use."""
