"""Explanations scored against the truth: classes decided by what was planted in the inputs."""
