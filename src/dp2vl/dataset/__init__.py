"""The identity-affiliation data set: what it looks like on disk, making one, checking one, other people's formats."""
