"""Identity-affiliation learning: fine-tune a model on a few private photos with descriptions, then ask it."""
