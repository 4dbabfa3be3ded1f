"""Suites of experiments: people, photos, adapters, answers, scores; each stage reads files and writes files."""
