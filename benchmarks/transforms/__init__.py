"""What explanations gain by other transforms than the decimated one."""
