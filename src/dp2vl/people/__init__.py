"""Synthetic people: a genome decides a face, a scene decides everything else. No trained model, no real person."""
