"""The methods and metrics as equations, on the tensors of any framework."""
