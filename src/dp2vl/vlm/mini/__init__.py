"""Mini models: the families' own classes at a size that two cores can train, and what trains them."""
