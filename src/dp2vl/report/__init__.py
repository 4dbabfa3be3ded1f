"""Records in, pages out. Never imports torch."""
