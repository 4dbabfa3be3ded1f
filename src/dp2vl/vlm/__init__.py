"""Vision-language model families, each written once and used at full and at mini size."""
