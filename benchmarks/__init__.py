"""Speed and memory of the kernels and of the explainers, beside their peers."""
